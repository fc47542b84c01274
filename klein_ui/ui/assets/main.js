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
  const wire = { nextSeq, link, where, loras: createLoraFolder(where.loras) };
  const front = () => every().find((desk) => desk.root.checkVisibility()) ?? every()[0];
  let editingIs;
  const editing = new Promise((resolve) => (editingIs = resolve));

  function join(name, root) {
    const makers = { klein: live, "klein-edit": edit };
    desks[name] = makers[name](root);
    // What was said before the tab was first opened.
    if (lastProgress) desks[name].progress(lastProgress);
    for (const [kind, sentence] of states) desks[name].speaker.state(sentence, kind);
  }

  function live(root) {
    const times = createTimeMachine(root, where.history);
    const buttons = (desk) => ({ "edit-this": () => editThis(desk), ...times.buttons });
    const desk = createDesk(root, config, wire, { ...times.plus, buttons });
    times.join(desk);
    return Object.assign(desk, { travel: times.travel });
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

  async function addFiles(files) {
    openTab("Edit");
    (await editing).add(files);
  }

  onFiles(() => front() === desks["klein-edit"], addFiles);
  onTabs(() => front()?.resume());
  onShortcuts(front);
  closeHelp();
  createDiagnostics(document.querySelector(".klein-diagnostics"), where.diagnostics);
  followKeyboard();
  return { lane: link.lane, refit: models.refit, desks, join };
}
