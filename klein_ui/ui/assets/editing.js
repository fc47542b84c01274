// The Edit tab: what its images, region and switches add to a desk.

const KEPT = "klein-images";

/** `plus` is for `createDesk`; `join(desk)` comes right after it. */
function createEditing(root, config, where) {
  const find = (selector) => root.querySelector(selector);
  const gallery = find(".klein-gallery");
  const uploads = createUploads(where.pictures, config.upload);
  const compare = createCompare(find(".klein-mat"), where);
  const region = createRegion(find(".klein-region"), find(".klein-brush-size"), painted);
  const images = createImages(config.maxReferences, changed);
  const cards = createCards(find(".klein-cards"), images, (digest) => where.picture(digest, { side: 192 }), full);
  const camera = createCamera(find(".klein-camera"), (photo) => add([photo]));
  const chooser = find(".klein-files");
  const roles = find(".klein-roles input");
  const toggles = { lock: false, region: false };
  let desk = null;
  let current = "";

  function changed(state) {
    const first = images.first();
    cards.show(state.images);
    cards.sources([]);
    region.load(state.region?.drawing ?? null);
    find("[data-tool='region']").dataset.active = state.region ? "yes" : "no";
    find("[data-do='undo']").disabled = !images.canUndo();
    const count = images.on().length;
    find(".klein-gallery-count").textContent = state.images.length ? `${count} of ${config.maxReferences}` : "";
    find(".klein-well").dataset.image = first ? "yes" : "no";
    keep(state.images);
    desk?.reshape();
    desk?.ask();
  }

  function keep(list) {
    const plain = list.map(({ digest, width, height, on, role, strength, madeBy }) => (
      { digest, width, height, on, role, strength, made_by: madeBy }
    ));
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(plain));
    } catch {
      // A page that may keep nothing loses its images at a reload, nothing else.
    }
  }

  function full() {
    const more = `The model looks at ${config.maxReferences} images at once; switch one off first.`;
    desk.speaker.notice(more);
  }

  async function add(files) {
    for (const file of files) {
      if (images.isFull()) return desk.speaker.notice("The gallery is full; remove an image first.");
      try {
        const picture = await uploads.send(file);
        const isOn = images.add(picture);
        if (picture.notes.length) desk.speaker.notice(picture.notes.join(" "));
        if (!isOn) full();
      } catch (error) {
        desk.speaker.notice(files.length > 1 && file.name ? `${file.name}: ${error.message}` : error.message);
      }
    }
  }

  async function takeFrame(frame) {
    try {
      const replaced = images.replaceFirst(await uploads.sendFrame(frame));
      if (replaced) desk.speaker.notice("The picture took the place of image 1; Undo brings that back.");
    } catch (error) {
      desk.speaker.notice(error.message);
    }
  }

  async function painted(drawing) {
    if (!drawing) return images.mark(null);
    if (!images.first()) {
      region.load(null);
      return desk.speaker.notice("A region belongs to image 1; add an image first.");
    }
    const first = images.first();
    const blob = await new Promise((done) => drawing.toBlob(done, "image/png"));
    try {
      const { digest } = await uploads.send(blob);
      // Another image may be the first by now.
      if (images.first() === first) images.mark({ digest, drawing });
    } catch (error) {
      desk.speaker.notice(error.message);
    }
  }

  async function sources(button) {
    const frame = current;
    button.disabled = true;
    button.dataset.busy = "yes";
    try {
      const answer = await uploads.ask(where.sources(frame));
      if (frame === current) cards.sources(answer.sources);
    } catch (error) {
      desk.speaker.notice(error.message);
    } finally {
      button.disabled = false;
      delete button.dataset.busy;
    }
  }

  const does = {
    undo: () => images.undo(),
    choose: () => chooser.click(),
    camera: camera.open,
    shoot: camera.shoot,
    "close-camera": camera.close,
    sources,
  };
  gallery.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) does[button.dataset.do](button);
  });
  chooser.addEventListener("change", () => {
    const files = [...chooser.files];
    // The same file may be chosen again.
    chooser.value = "";
    add(files);
  });
  roles.addEventListener("change", () => desk.ask());
  onTools(find(".klein-tools"), {
    compare: compare.compare,
    changes: compare.changes,
    lock(isOn) {
      toggles.lock = isOn;
      desk.ask();
    },
    region(isOn) {
      find(".klein-region").hidden = find(".klein-brush").hidden = !isOn;
    },
    erase: region.erase,
    unmask: () => images.mark(null),
  });

  function restore() {
    let kept = [];
    try {
      kept = JSON.parse(sessionStorage.getItem(KEPT)) ?? [];
    } catch {
      kept = [];
    }
    if (kept.length) images.restore(kept);
  }

  const told = () => roles.checked && images.on().some(({ role }) => role.trim());

  return {
    takeFrame,
    add,
    join(made) {
      desk = made;
      find(".klein-well").dataset.image = "no";
      desk.undo = () => images.undo();
      restore();
    },
    plus: {
      shape: () => {
        const first = images.first();
        return first && [first.width, first.height];
      },
      wants: (text) => text.trim() !== "" || told(),
      fields: (values) => ({
        references: images.on().map(({ digest, role, strength, madeBy }) => (
          { digest, role, strength, made_by: madeBy }
        )),
        roles: roles.checked,
        small_references: values.small ?? true,
        mask: images.region()?.digest ?? "",
        keep_background: toggles.lock,
      }),
      asking() {
        const empty = find(".klein-well").dataset.prompt === "empty";
        compare.alone(empty && images.first() !== null);
        cards.sources([]);
        if (empty) settle("");
      },
      painted(header) {
        find(".klein-reads").hidden = !header.reads;
        find(".klein-reads").textContent = header.reads ? `The model reads: ${header.reads}` : "";
        if (header.stage === "final") settle(header.frame);
      },
      resized(values) {
        region.resize(values.width, values.height);
        compare.original(images.first()?.digest ?? null, values);
      },
      buttons: (made) => ({
        "use-result"() {
          const picture = made.picture();
          if (picture) return takeFrame(picture.frame);
          made.speaker.notice("There is no result yet; type what to change first.");
        },
      }),
    },
  };

  function settle(frame) {
    current = frame;
    compare.result(frame);
    find("[data-do='sources']").hidden = !(frame && images.on().length);
  }
}

/** Buttons that stay pressed, and those that only act; `actions[tool](isPressed)`. */
function onTools(bar, actions) {
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("[data-tool]");
    if (!button) return;
    const pressed = button.getAttribute("aria-pressed");
    if (pressed !== null) button.setAttribute("aria-pressed", String(pressed !== "true"));
    actions[button.dataset.tool](pressed === "false");
  });
}
