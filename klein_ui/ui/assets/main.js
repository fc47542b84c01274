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
    refused: (sentence) => front()?.speaker.refused([sentence]),
    other: () => every().forEach((desk) => desk.refit()),
  });

  const link = createLink(where.socket, {
    frame(header, picture) {
      every().find((desk) => desk.asked(header.seq))?.frame(header, picture);
    },
    message(message) {
      if (message.type === "progress") progressed(message);
      else if (message.type === "error") told(message);
      else if (message.type === "hello") greeted(message);
    },
    lost: (isLost) => tell(isLost, "lost", "The connection is lost; what you type is drawn once it is back."),
    slow: (isSlow) => tell(isSlow, "slow", "No WebSocket gets through; pictures come a slower way."),
  });

  function progressed(message) {
    lastProgress = message;
    every().forEach((desk) => desk.progress(message));
  }

  function tell(holds, kind, sentence) {
    if (holds) states.set(kind, sentence);
    else states.delete(kind);
    for (const { speaker } of every()) {
      if (holds) speaker.state(sentence, kind);
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
    if (isStale || !hello.sentence) return;
    // Where pictures come as events, nobody hears what was asked before.
    front()?.resume();
    every().forEach((desk) => desk.alarm(hello.sentence));
  }

  const nextSeq = () => (seq += 1);
  const importing = createImport(where, { open: openRequest, board: openBoard, add: addFiles, say });
  const wire = { nextSeq, link, where, loras: createLoraFolder(where.loras), choose: importing.choose };
  const inFront = () => every().find((desk) => desk.root.checkVisibility()) ?? null;
  const front = () => inFront() ?? every()[0];
  let livingIs;
  const living = new Promise((resolve) => (livingIs = resolve));
  let editingIs;
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
    for (const [kind, sentence] of states) desks[name].speaker.state(sentence, kind);
  }

  function live(root) {
    const times = createTimeMachine(root, where.history, config);
    const tiles = createVariations(root, where);
    const buttons = (desk) => ({ pin: () => pin(desk), "edit-this": () => editThis(desk), variations: tiles.toggle, ...times.buttons });
    const desk = createDesk(root, config, wire, { ...times.plus, ...tiles.plus, buttons });
    times.join(desk);
    tiles.join(desk);
    livingIs(desk);
    return Object.assign(desk, { travel: times.travel, pick: tiles.pick, rest: tiles.rest });
  }

  function edit(root) {
    const made = createEditing(root, config, where);
    const buttons = (desk) => ({ pin: () => pin(desk), ...made.plus.buttons(desk) });
    const desk = createDesk(root, config, wire, { ...made.plus, buttons });
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

  const store = createBoardStore(where);
  const exporting = createExport(where, {
    notice: (sentence) => board.say(sentence),
    refused: (sentences) => board.say(sentences.join(" ")),
  });
  let board = null;

  function moodboard(root) {
    const pictureOf = ({ id }) => store.picture(id);
    const dialog = (part) => document.querySelector(`#klein-between .klein-${part}`);
    const comparing = createPinCompare(dialog("pin-compare"), pictureOf);
    const blending = createBlend(dialog("blend"), where, config, pictureOf, pinFrame);
    return createBoard(root.querySelector(".klein-board"), store, {
      compare: comparing.open,
      blend: blending.open,
      export: exporting.run,
      toEdit,
      toLive,
    });
  }

  /** Keep the frame on the board that was last in front; what there is to say of it. */
  async function pinFrame(frame) {
    try {
      const { title } = await store.keep(frame);
      board?.refresh();
      return `Pinned to “${title}”.`;
    } catch (error) {
      return error.message;
    }
  }

  async function pin(desk) {
    const picture = await desk.keepable();
    if (!picture) return desk.speaker.notice("There is no picture to pin yet; type a prompt first.");
    desk.speaker.notice(await pinFrame(picture.frame));
  }

  async function toEdit(pins) {
    try {
      const pictures = await Promise.all(pins.map(({ id }) => store.reference(id)));
      openTab("Edit");
      (await editing).takeAll(pictures);
    } catch (error) {
      board.say(error.message);
    }
  }

  function toLive(kept) {
    const desk = desks.klein;
    const { name, title } = config.row.model;
    openTab("Live");
    desk.fill(kept);
    // Behind another tab nothing is asked for.
    requestAnimationFrame(() => requestAnimationFrame(() => {
      desk.ask();
      desk.focus();
      if (kept.model !== name) desk.speaker.notice(`This was made with ${kept.model}; now ${title} draws it.`);
    }));
  }

  async function addFiles(files) {
    openTab("Edit");
    (await editing).add(files);
  }

  async function openBoard({ id }) {
    store.choose(id);
    openTab("Moodboard");
    await board?.open(id);
  }

  function say(sentences, isTrouble) {
    if (!inFront() && board) board.say(sentences.join(" "));
    else if (isTrouble) front().speaker.refused(sentences);
    else front().speaker.notice(sentences.join(" "));
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
    inFront()?.resume();
    board?.refresh();
  });
  onShortcuts(inFront, pin);
  closeHelp();
  followKeyboard();
  return { lane: link.lane, refit: models.refit, desks, join };
}
