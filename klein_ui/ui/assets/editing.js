// The Edit tab: what its images, region and switches add to a desk.

const KEPT = "klein-images";
const LOCKED = "What hardly changes stays image 1's own pixels.";

/** `plus` is for `createDesk`; `join(desk)` comes right after it. */
function createEditing(root, config, where) {
  const find = (selector) => root.querySelector(selector);
  const gallery = find(".klein-gallery");
  const well = find(".klein-well");
  const uploads = createUploads(where.pictures, config.upload);
  const compare = createCompare(find(".klein-mat"), where, (sentence) => desk.speaker.notice(sentence));
  const region = createRegion(find(".klein-region"), find(".klein-brush-size"), painted);
  const most = () => config.row.limits.references;
  const images = createImages(most, changed);
  const cards = createCards(find(".klein-cards"), images, (digest) => where.picture(digest, { side: 192 }), full);
  const camera = createCamera(find(".klein-camera"), (photo) => add([photo]));
  const chooser = find(".klein-files");
  const roles = find(".klein-roles input");
  const tools = createTools(find(".klein-tools"), use);
  let desk = null;
  let current = "";
  let size = null;
  let drawn = null;
  let strokes = 0;

  function changed(state) {
    cards.show(state.images);
    if (state.region !== drawn) draw(state.region);
    tools.mark("region", state.region !== null);
    find("[data-do='undo']").disabled = !images.canUndo();
    tally(state);
    well.dataset.image = images.first() ? "yes" : "no";
    keepImages(state.images);
    desk?.reshape();
    desk?.ask();
  }

  function tally({ images: all }) {
    const count = `${images.on().length} of ${most()}`;
    find(".klein-gallery-count").textContent = all.length ? count : "";
  }

  /** Show the region of a mask; strokes on their way to the app belong to another one. */
  function draw(mask) {
    strokes += 1;
    drawn = mask;
    region.load(mask && where.picture(mask, { width: size.width, height: size.height }));
  }

  function full() {
    desk.speaker.notice(`The model looks at ${most()} images at once; switch one off first.`);
  }

  async function add(files) {
    const refused = [];
    const notes = [];
    for (const file of files) {
      if (images.isFull()) {
        refused.push("The gallery is full; remove an image first.");
        break;
      }
      try {
        const picture = await uploads.send(file);
        notes.push(...picture.notes);
        if (!images.add(picture)) full();
      } catch (error) {
        refused.push(files.length > 1 && file.name ? `${file.name}: ${error.message}` : error.message);
      }
    }
    if (refused.length) desk.speaker.refused(refused);
    else if (notes.length) desk.speaker.notice(notes.join(" "));
  }

  /** Pins as images, each with its role. */
  async function addPins(pins, reference) {
    const refused = [];
    for (const { id, role } of pins) {
      try {
        const picture = await reference(id);
        if (images.isFull()) throw new Error("The gallery is full; remove an image first.");
        if (!images.add({ ...picture, role })) full();
      } catch (error) {
        refused.push(error.message);
      }
    }
    if (refused.length) desk.speaker.refused([...new Set(refused)]);
  }

  async function takeFrame(frame) {
    const id = images.first()?.id;
    try {
      images.replace(id, await uploads.sendFrame(frame));
      if (id !== undefined) desk.speaker.notice("The picture took the place of image 1; Undo brings that back.");
    } catch (error) {
      desk.speaker.refused([error.message]);
    }
  }

  async function painted(drawing) {
    if (!drawing) return images.mark(null);
    const mine = (strokes += 1);
    const first = images.first();
    const blob = await new Promise((done) => drawing.toBlob(done, "image/png"));
    try {
      const { digest } = await uploads.send(blob);
      // A newer stroke holds this one too; and the region belongs to the image it was painted on.
      if (mine !== strokes || images.first()?.digest !== first.digest) return;
      drawn = digest;
      images.mark(digest);
    } catch (error) {
      draw(images.region());
      desk.speaker.refused([error.message]);
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

  /** A tool was pressed or released; false where there is no image for it. */
  function use(tool, isOn) {
    if (isOn && !images.first()) {
      desk.speaker.notice("Add an image first; this is about image 1.");
      return false;
    }
    if (tool === "compare") compare.compare(isOn);
    else if (tool === "changes") compare.changes(isOn);
    else if (tool === "lock") desk.ask();
    else if (tool === "erase") region.erase(isOn);
    else if (tool === "unmask") images.mark(null);
    else find(".klein-region").hidden = find(".klein-brush").hidden = !isOn;
    // The divider lies over the canvas that is painted on.
    if (isOn && tool === "region") tools.release("compare");
    if (isOn && tool === "compare") tools.release("region");
    tools.say(tools.isOn("lock") ? LOCKED : "");
    return true;
  }

  /** A full picture is on screen, or with an empty name none any more. */
  function settle(frame) {
    current = images.on().length ? frame : "";
    compare.result(current);
    find("[data-do='sources']").hidden = !current;
  }

  /** The region was painted for one shape of picture; in another it would lie elsewhere. */
  function resized(values) {
    const old = size;
    size = values;
    region.resize(values.width, values.height);
    compare.original(images.first()?.digest ?? null, values);
    if (!old || !images.region()) return;
    const off = Math.abs(Math.log((old.width * values.height) / (old.height * values.width)));
    if (off < 0.05) return;
    images.mark(null);
    desk.speaker.notice("The picture has another shape, so the region is removed; Undo brings it back.");
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
  for (const kind of ["pointerup", "focusout"]) gallery.addEventListener(kind, images.rest);
  chooser.addEventListener("change", () => {
    const files = [...chooser.files];
    // The same file may be chosen again.
    chooser.value = "";
    add(files);
  });
  roles.addEventListener("change", () => desk.ask());

  const told = () => roles.checked && images.on().some(({ role }) => role.trim());

  /** A request from outside, with its images; those before it come back by Undo. */
  function open(request) {
    roles.checked = request.roles;
    images.take(request.references, null);
    // Only beside an image.
    if (tools.isOn("lock") !== request.keep_background) tools.press("lock");
    desk.open(request);
    // Its size is known only now, and a region is painted for one.
    if (request.mask) images.mark(request.mask);
  }

  return {
    add,
    addPins,
    takeFrame,
    open,
    join(made) {
      desk = made;
      desk.undo = () => images.undo();
      well.dataset.image = "no";
      const kept = keptImages();
      if (kept.length) images.restore(kept);
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
        mask: images.region() ?? "",
        keep_background: tools.isOn("lock"),
      }),
      asking() {
        const empty = well.dataset.prompt === "empty";
        compare.alone(empty && images.first() !== null);
        cards.sources([]);
        settle("");
        if (empty) find(".klein-reads").hidden = true;
      },
      painted(header) {
        find(".klein-reads").hidden = !header.reads;
        find(".klein-reads").textContent = header.reads ? `The model reads: ${header.reads}` : "";
        if (header.stage === "final") settle(header.frame);
      },
      resized,
      refit: () => tally({ images: images.all() }),
      buttons: (made) => ({
        async "use-result"() {
          const picture = await made.settled();
          if (picture) return takeFrame(picture.frame);
          made.speaker.notice("There is no result yet; type what to change first.");
        },
      }),
    },
  };
}

/** The images of this tab of the browser, over a reload. */
function keptImages() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT)) ?? [];
  } catch {
    return [];
  }
}

function keepImages(list) {
  const plain = list.map(({ digest, width, height, on, role, strength, madeBy }) => (
    { digest, width, height, on, role, strength, made_by: madeBy }
  ));
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(plain));
  } catch {
    // A page that may keep nothing loses its images at a reload, nothing else.
  }
}
