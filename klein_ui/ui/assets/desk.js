// One desk: a prompt, its picture, and what a request is made of beside the words.

const MOST_ASKED = 256;
const PAUSE_MS = 1_500;

/**
 * `root` is the desk's element, `wire` what all desks share: `nextSeq()`, `link`, `where`, the
 * folder of `loras`, the boards as `pins`, and `choose()` a file to open. `plus`, for a desk that adds to its requests: `shape()` of the image that the aspect follows,
 * `fields()` of the message, `wants(text)` whether there is something to make, `painted(frame)`
 * after each picture, `arrived(header, bytes, message)` with each one, `asking()` before each request, `sent(message)` after it, `emptied()` when
 * nothing is wanted any more, `looking()` before a kept picture comes on screen, `resized()` when the size became another,
 * `refit()` when the model did, `named()` what of those is looked at, once it has a name.
 */
function createDesk(root, config, wire, plus = {}) {
  const find = (selector) => root.querySelector(selector);
  const well = find(".klein-well");
  const canvas = find("canvas.klein-picture");
  const speaker = createSpeaker(find(".klein-message-text"));
  const status = createStatus(find(".klein-numbers"), find(".klein-announce"));
  const loading = createLoading(find(".klein-loading"), status, speaker);
  const asked = new Map();
  let newest = 0;
  let finished = -1;
  let failed = -1;
  let alarmed = -1;
  let typedAt = 0;
  let wanted = false;
  let blend = null;
  let looked = -1;
  const waiting = [];
  const leaving = [];

  const stage = createStage(canvas, (header, t) => {
    const { keyAt, message } = asked.get(header.seq) ?? {};
    status.painted(header, t, keyAt);
    well.dataset.picture = "yes";
    shape();
    if (header.stage === "final") canvas.setAttribute("aria-label", `Picture: ${message?.prompt}`);
    if (header.stage === "final" && header.seq === newest) tellWaiting(picture());
    const detail = { seq: header.seq, stage: header.stage, t, keyAt, header };
    root.dispatchEvent(new CustomEvent("klein:painted", { bubbles: true, detail }));
    plus.painted?.(header);
  });

  const settings = createSettings(root, config, plus.shape ?? null, () => {
    fit();
    ask(performance.now());
  });
  const loras = createLoras(find(".klein-loras"), wire.loras, config.loras, `${root.id}-loras`, () =>
    ask(performance.now()),
  );
  const prompt = createPrompt(root, config.promptChars, (text, at) => {
    // It was between two prompts; this is a third.
    blend = null;
    const paused = finished === newest && at - typedAt > PAUSE_MS;
    typedAt = at;
    if (!settings.isLocked() && paused) settings.reseed();
    ask(at, text);
    chips.reflect(text);
  });
  const chips = createChips(root, prompt, config.promptChars);
  const actions = createActions(wire.where, { current: picture, settled }, speaker);
  const pin = createPinning(wire.pins, speaker, kept, isComing);

  function ask(keyAt, text = prompt.text()) {
    newest = wire.nextSeq();
    for (const leave of leaving.splice(0)) leave(null);
    wanted = plus.wants ? plus.wants(text) : text.trim() !== "";
    canvas.dataset.promptSeq = newest;
    well.dataset.prompt = wanted ? "some" : "empty";
    plus.asking?.();
    // Behind another tab, whose picture it would take the place of; `resume` asks then.
    if (!root.checkVisibility()) return;
    if (!wanted) {
      stage.ignoreBefore(newest);
      wire.link.clear(newest);
      speaker.hush("error");
      speaker.hush("note");
      status.plain("\u00a0");
      plus.emptied?.();
      return;
    }
    const more = { ...loras.fields(), ...plus.fields?.(settings.values()), ...(blend && { blend }) };
    const message = requestMessage(newest, text, settings.values(), more);
    message.model = config.row.model.name;
    asked.set(newest, { keyAt, message });
    if (asked.size > MOST_ASKED) forget([...asked.keys()][MOST_ASKED / 2]);
    wire.link.send(message);
    plus.sent?.(message);
  }

  function forget(before) {
    for (const old of asked.keys()) {
      if (old >= before) break;
      asked.delete(old);
    }
  }

  function frame(header, bytes) {
    plus.arrived?.(header, bytes, asked.get(header.seq)?.message);
    if (header.trouble) speaker.refused([header.trouble]);
    if (header.stage === "final") finished = Math.max(finished, header.seq);
    stage.show(header, bytes).then(() => forget(header.seq), () => {});
    // A frame that was on its way already takes back no error of a newer key.
    if (header.seq > Math.max(failed, alarmed)) speaker.hush("error");
    if (header.notes.length) speaker.state(header.notes.join(" "), "note");
    else speaker.hush("note");
  }

  function told({ seq: of, sentence }) {
    // An older key's error says nothing about what stands in the box now.
    if (of !== null && of !== newest) return;
    failed = newest;
    speaker.error(sentence);
    finished = newest;
    tellWaiting(null);
  }

  function picture() {
    const shown = stage.current();
    const message = shown && asked.get(shown.seq)?.message;
    return message && shown.frame ? { frame: shown.frame, prompt: message.prompt, seed: message.seed } : null;
  }

  /** The full picture of what is asked now, once it is there; null when there is none. */
  function settled() {
    if (!wanted || failed === newest) return Promise.resolve(null);
    if (!isComing()) return Promise.resolve(picture());
    return new Promise((tell) => waiting.push(tell));
  }

  function isComing() {
    const shown = stage.current();
    return wanted && failed !== newest && !(shown?.seq === newest && shown.stage === "final");
  }

  /** What to keep of this moment: the full picture; what is on screen where somebody types on before that. */
  async function kept() {
    const looked = await plus.named?.();
    if (looked) return looked;
    const shown = picture();
    const full = await Promise.race([settled(), new Promise((leave) => leaving.push(leave))]);
    return full ?? shown;
  }

  function tellWaiting(found) {
    for (const tell of waiting.splice(0)) tell(found);
  }

  function fit() {
    const { width, height } = settings.values();
    well.style.setProperty("--picture-width", width);
    well.style.setProperty("--picture-height", height);
    find(".klein-size").textContent = `${width} × ${height}`;
    shape();
    plus.resized?.(settings.values());
  }

  /** A draft a few pixels off the grid fills its box; the last picture of another aspect does not. */
  function shape() {
    const { width, height } = settings.values();
    const off = Math.abs(Math.log((canvas.width * height) / (canvas.height * width)));
    const fitting = off < 0.2 ? "fill" : "contain";
    if (canvas.style.objectFit !== fitting) canvas.style.objectFit = fitting;
  }

  function reroll() {
    settings.reseed();
    ask(performance.now());
  }

  /** A kept picture on screen, of which nothing is asked: what was asked before stays behind. */
  function look(image, [width, height], { prompt: words, seed, frame: name }) {
    plus.looking?.();
    const isFirst = stage.current() === null;
    asked.delete(looked);
    looked = newest = finished = wire.nextSeq();
    wanted = true;
    canvas.dataset.promptSeq = newest;
    well.dataset.prompt = "some";
    well.dataset.picture = "yes";
    asked.set(newest, { message: { prompt: words, seed } });
    stage.put({ seq: newest, stage: "final", fine: true, frame: name ?? "", width, height }, image);
    canvas.setAttribute("aria-label", `Picture: ${words}`);
    if (isFirst) speaker.hush("error");
    tellWaiting(null);
    shape();
    return newest;
  }

  /** The prompt and settings of a kept picture, into their fields. */
  function fill(kept) {
    prompt.put(kept.prompt);
    blend = kept.blend ?? null;
    chips.reflect(kept.prompt);
    loras.restore(kept.loras);
    settings.restore(kept);
    fit();
  }

  const desk = {
    root,
    look,
    fill,
    status,
    speaker,
    settings,
    stage,
    settled,
    frame,
    told,
    ask: () => ask(performance.now()),
    /** A request from outside: into the fields, and made. */
    open(request) {
      fill(request);
      ask(performance.now());
    },
    /** The picture that is wanted never came: another desk's request took its place. */
    resume: () => wanted && finished < newest && ask(performance.now()),
    asked: (seq) => asked.has(seq),
    busy: (ahead) => status.plain(`Busy: ${ahead} ahead of you.`),
    progress: (message) => loading.show(message, stage.current() !== null),
    /** The image that the aspect follows is another one. */
    reshape() {
      settings.reshape();
      fit();
    },
    /** The model is another one: its settings and limits, and a picture of its own. */
    refit() {
      settings.refit();
      describe(root, config.row);
      plus.refit?.();
      fit();
      ask(performance.now());
    },
    /** Something about no request went wrong; it stands until a later one is drawn. */
    alarm(sentence) {
      alarmed = newest;
      speaker.error(sentence);
    },
    reroll,
    copy: actions.copy,
    pin,
    focus: prompt.focus,
  };

  createMenu(find(".klein-more"), find(".klein-menu"), {
    png: actions.download,
    webp: () => actions.packed("webp"),
    jpeg: () => actions.packed("jpeg"),
    link: actions.link,
    open: wire.choose,
  });
  onButtons(root, {
    reroll,
    copy: actions.copy,
    download: actions.download,
    pin,
    clear: prompt.clear,
    fold: () => toggleSettings(root),
    ...plus.buttons?.(desk),
  });
  prompt.prepare();
  chips.reflect(prompt.text());
  label(root);
  describe(root, config.row);
  fit();
  if (prompt.text()) ask(performance.now());
  return desk;
}
