// Wires the desks to the one connection. CONFIG is written by `client.py`.

/** Desks join by the beginning of their parts' ids, as their tabs are opened. */
function start() {
  const where = addresses();
  const desks = {};
  const every = () => Object.values(desks);
  let seq = 0;
  let lastProgress = null;
  const states = new Map();

  const config = { ...CONFIG };
  const models = createModels(document.querySelector(".klein-model"), config, {
    choose: (name) => link.say({ type: "model", seq: nextSeq(), name }),
    refused: (sentence) => say([sentence], true),
    other: () => every().forEach((desk) => desk.refit()),
  });

  const link = createLink(where.socket, {
    frame(header, picture) {
      every().find((desk) => desk.asked(header.seq))?.frame(header, picture);
    },
    message(message) {
      if (message.type === "progress") progressed(message);
      else if (message.type === "busy") every().forEach((desk) => desk.busy(message.ahead));
      else if (message.type === "error") told(message);
      else if (message.type === "hello") greeted(message);
    },
    lost: (isLost) => tell(isLost, "lost", "The connection is lost; what you type is drawn once it is back."),
    shut: (isShut) => tell(isShut, "shut", "You are no longer let in; what you type is drawn once you", "log in again"),
    refused: (sentence) => tell(sentence !== "", "full", sentence),
    slow: (isSlow) => tell(isSlow && !CONFIG.onlyEvents, "slow", "No WebSocket gets through; pictures come a slower way."),
  }, where.admitted);

  function progressed(message) {
    lastProgress = message;
    every().forEach((desk) => desk.progress(message));
  }

  function tell(holds, kind, sentence, way) {
    if (holds) states.set(kind, [sentence, way]);
    else states.delete(kind);
    for (const { speaker } of every()) {
      if (holds) speaker.state(sentence, kind, way);
      else speaker.hush(kind);
    }
  }

  function told(message) {
    const owner = every().find((desk) => desk.asked(message.seq)) ?? front();
    owner.told(message);
  }

  function greeted(hello) {
    const isStale = !models.follow(hello);
    tell(isStale, "stale", "The app was restarted with another model; reload the page.");
    board?.refresh();
    if (isStale || !hello.sentence) return;
    // Where pictures come as events, nobody hears what was asked before.
    front()?.resume();
    every().forEach((desk) => desk.alarm(hello.sentence));
  }

  const nextSeq = () => (seq += 1);
  const importing = createImport(where, { open: openRequest, board: openBoard, add: addFiles, say });
  const pins = createBoardStore(where);
  const wire = { nextSeq, link, where, pins, loras: createLoraFolder(where.loras), choose: importing.choose };
  const front = () => every().find((desk) => desk.root.checkVisibility()) ?? every()[0];
  const inFront = () => (board?.root.checkVisibility() ? board : front());
  let board = null;
  let liveIs;
  let editingIs;
  const living = new Promise((resolve) => (liveIs = resolve));
  const editing = new Promise((resolve) => (editingIs = resolve));

  function join(name, root) {
    if (name === "klein-board") {
      board = moodboard(root);
      return;
    }
    const makers = { klein: live, "klein-edit": edit };
    desks[name] = makers[name](root);
    // What was said before the tab was first opened.
    if (lastProgress) desks[name].progress(lastProgress);
    for (const [kind, [sentence, way]] of states) desks[name].speaker.state(sentence, kind, way);
  }

  function live(root) {
    const times = createTimeMachine(root, where.history, config);
    const tiles = createVariations(root, where);
    const buttons = (desk) => ({ "edit-this": () => editThis(desk), variations: tiles.toggle, ...times.buttons });
    const desk = createDesk(root, config, wire, { ...times.plus, ...tiles.plus, buttons });
    times.join(desk);
    tiles.join(desk);
    liveIs(desk);
    return Object.assign(desk, { travel: times.travel, pick: tiles.pick, rest: tiles.rest });
  }

  function edit(root) {
    const made = createEditing(root, config, where);
    const desk = createDesk(root, config, wire, made.plus);
    made.join(desk);
    editingIs(made);
    return desk;
  }

  async function editThis(desk) {
    const picture = await desk.settled();
    if (!picture) return desk.speaker.notice("There is no picture to edit yet; type a prompt first.");
    openTab("Edit");
    (await editing).takeFrame(picture.frame);
  }

  function moodboard(root) {
    const dialog = (part) => document.querySelector(`#klein-between .klein-${part}`);
    const pictureOf = ({ id }) => pins.picture(id);
    const comparing = createPinCompare(dialog("pin-compare"), pictureOf);
    const blending = createBlend(dialog("blend"), where, config, pictureOf, pinBlend);
    const exporting = createExport(where, {
      notice: (sentence) => board.say(sentence),
      refused: (sentences) => board.say(sentences.join(" ")),
    });
    return createBoard(root, pins, {
      toEdit,
      toLive,
      goLive: () => openTab("Live"),
      copy: copyPin,
      compare: comparing.open,
      blend(a, b) {
        const why = blending.open(a, b);
        if (why) board.say(why);
      },
      export: (id, chosen, as) => exporting.run(id, chosen.map((pin) => pin.id), as),
    });
  }

  async function pinBlend(frame) {
    try {
      return `Pinned to “${(await pins.pinFrame(frame)).board_title}”.`;
    } catch (error) {
      return error.message;
    }
  }

  async function toEdit(...chosen) {
    openTab("Edit");
    (await editing).addPins(chosen, pins.reference);
  }

  /** The words and settings of a pin, drawn anew: its own picture, where nothing else made it. */
  async function toLive(pin) {
    openTab("Live");
    const desk = await living;
    desk.fill(pin);
    desk.ask();
    desk.focus();
    const sentence = otherwise(pin, config.row);
    if (sentence) desk.speaker.notice(sentence);
  }

  async function copyPin({ id }, say) {
    const png = async () => {
      const reply = await fetch(where.frame(await pins.frame(id)), { credentials: "same-origin" });
      if (!reply.ok) throw new Error(await reply.text());
      return reply.blob();
    };
    try {
      await navigator.clipboard.write([new ClipboardItem({ "image/png": png() })]);
      say("Picture copied.");
    } catch {
      say("The browser refused to copy; open the pin and save it from there.");
    }
  }

  async function addFiles(files) {
    openTab("Edit");
    (await editing).add(files);
  }

  async function openBoard({ id }) {
    openTab("Moodboard");
    await pins.choose(id);
  }

  function say(sentences, isTrouble) {
    if (board && inFront() === board) board.say(sentences.join(" "));
    else if (isTrouble) front()?.speaker.refused(sentences);
    else front()?.speaker.notice(sentences.join(" "));
  }

  /** A request from a file or a link, and what of it is different here. */
  async function openRequest(request, notes) {
    const hasImages = request.references.length > 0;
    openTab(hasImages ? "Edit" : "Live");
    (await (hasImages ? editing : living)).open(request);
    const same = "Opened; it makes the same picture again.";
    say(notes.length ? notes : [same], notes.length > 0);
  }

  const isEdit = () => front() === desks["klein-edit"];
  onFiles(isEdit, (files) => importing.take(files, isEdit()));
  const query = takeQuery();
  if (query) living.then(() => importing.link(query));
  onTabs(() => {
    desks.klein?.rest();
    if (board?.root.checkVisibility()) board.refresh();
    else front()?.resume();
  });
  onReturn(() => board?.root.checkVisibility() && board.refresh());
  onShortcuts(inFront);
  closeHelp();
  createDiagnostics(document.querySelector(".klein-diagnostics"), where.diagnostics);
  followKeyboard();
  return { lane: link.lane, refit: models.refit, desks, join };
}

/** Why the Live tab draws something else than the pin; nothing where it draws the same. */
function otherwise(pin, row) {
  if (pin.model !== row.model.name) return `This pin was made by “${pin.model}”; ${row.model.title} draws its words now.`;
  if (pin.references.length) return "This pin was made with images, which the Live tab has none of; use it in Edit for those.";
  return "";
}
