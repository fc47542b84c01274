// Wires the parts together. CONFIG is written by `client.py`.

const MOST_ASKED = 256;
const PAUSE_MS = 1_500;

function start(root) {
  const find = (selector) => document.querySelector(selector);
  const canvas = find("#klein-stage canvas");
  const speaker = createSpeaker(find("#klein-message-text"));
  const status = createStatus(find(".klein-numbers"), find(".klein-announce"));
  const loading = createLoading(find(".klein-loading"), status, speaker);
  const where = addresses();
  const asked = new Map();
  let seq = 0;
  let finished = -1;
  let failed = -1;
  let typedAt = 0;

  const stage = createStage(canvas, (header, t) => {
    const { keyAt, message } = asked.get(header.seq) ?? {};
    status.painted(header, t, keyAt);
    root.dataset.picture = "yes";
    shape();
    if (header.stage === "final") canvas.setAttribute("aria-label", `Picture: ${message?.prompt}`);
    const detail = { seq: header.seq, stage: header.stage, t, keyAt, header };
    document.dispatchEvent(new CustomEvent("klein:painted", { detail }));
  });

  const link = createLink(where.socket, {
    frame(header, picture) {
      if (header.stage === "final") finished = Math.max(finished, header.seq);
      stage.show(header, picture).then(() => forget(header.seq), () => {});
      // A frame that was on its way already takes back no error of a newer key.
      if (header.seq > failed) speaker.hush("error");
      if (header.notes.length) speaker.state(header.notes.join(" "), "note");
      else speaker.hush("note");
    },
    message(message) {
      if (message.type === "progress") loading.show(message, stage.current() !== null);
      else if (message.type === "error") told(message);
      else if (message.type === "hello") greeted(message);
    },
    lost(isLost) {
      const sentence = "The connection is lost; what you type is drawn once it is back.";
      if (isLost) speaker.state(sentence, "lost");
      else speaker.hush("lost");
    },
    slow(isSlow) {
      const sentence = "No WebSocket gets through; pictures come a slower way.";
      if (isSlow) speaker.state(sentence, "slow");
      else speaker.hush("slow");
    },
  });

  const settings = createSettings(CONFIG, () => {
    fit();
    ask(performance.now());
  });
  const prompt = createPrompt(CONFIG.promptChars, find("#klein-counter"), (text, at) => {
    const paused = finished === seq && at - typedAt > PAUSE_MS;
    typedAt = at;
    if (!settings.isLocked() && paused) settings.reseed();
    ask(at, text);
    chips.reflect(text);
  });
  const chips = createChips(prompt, CONFIG.promptChars);
  const actions = createActions(where.picture, picture, speaker);

  function ask(keyAt, text = prompt.text()) {
    seq += 1;
    const empty = text.trim() === "";
    canvas.dataset.promptSeq = seq;
    root.dataset.prompt = empty ? "empty" : "some";
    if (empty) {
      stage.ignoreBefore(seq);
      link.clear(seq);
      speaker.hush("error");
      return;
    }
    const message = requestMessage(seq, text, settings.values());
    asked.set(seq, { keyAt, message });
    if (asked.size > MOST_ASKED) forget(seq - MOST_ASKED / 2);
    link.send(message);
  }

  function forget(before) {
    for (const old of asked.keys()) {
      if (old >= before) break;
      asked.delete(old);
    }
  }

  function told({ seq: of, sentence }) {
    // An older key's error says nothing about what stands in the box now.
    if (of !== null && of !== seq) return;
    failed = seq;
    speaker.error(sentence);
    finished = seq;
  }

  function greeted({ protocol, model }) {
    if (protocol === PROTOCOL && model.name === CONFIG.model) return;
    speaker.state("The app was restarted with another model; reload the page.", "stale");
  }

  function picture() {
    const shown = stage.current();
    const message = shown && asked.get(shown.seq)?.message;
    return message && shown.frame ? { frame: shown.frame, prompt: message.prompt, seed: message.seed } : null;
  }

  function fit() {
    const { width, height } = settings.values();
    root.style.setProperty("--picture-width", width);
    root.style.setProperty("--picture-height", height);
    find(".klein-size").textContent = `${width} × ${height}`;
    shape();
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

  onButtons({
    "klein-reroll": reroll,
    "klein-copy": actions.copy,
    "klein-download": actions.download,
    "klein-clear": prompt.clear,
    "klein-fold": toggleSettings,
  });
  onShortcuts({ reroll, copy: actions.copy, focus: prompt.focus });
  closeHelp();
  followKeyboard();
  prompt.prepare();
  chips.reflect(prompt.text());
  label();
  fit();
  if (prompt.text()) ask(performance.now());
  return { lane: link.lane, settings };
}
