// Between two pins: a picture that follows a slider, and the whole way as a file.

const ONE_MODEL = "These two were made by different models; blend two of one model.";
const OTHER_MODEL = "These two were made by another model than the one that is there; choose that first.";
const NO_IMAGES = "A picture that was made of images cannot be blended; choose two that were made of words alone.";
const NO_BLENDS = "One of these is a blend already; choose two that are none.";
const ONE_LORAS = "These two have different LoRAs; blend two with the same.";
const NO_WAY = CONFIG.onlyEvents
  ? "Blends are not for this Space: each would take from your quota; run the app yourself."
  : "There is no connection for the blend now; try again once it is back.";
const WALK_SIDE = 512;
const PATIENCE_MS = 120_000;

/** Why `a` and `b` cannot be blended with the model of `row`; empty where they can. */
function unblendable(a, b, row) {
  const loras = ({ loras: all }) => JSON.stringify(all.map(({ name, scale }) => [name, scale]).sort());
  if (a.references.length || b.references.length) return NO_IMAGES;
  if (a.blend || b.blend) return NO_BLENDS;
  if (a.model !== b.model) return ONE_MODEL;
  if (a.model !== row.model.name) return OTHER_MODEL;
  return loras(a) === loras(b) ? "" : ONE_LORAS;
}

/** `pictureOf(pin)` is an address; `pin(frame)` keeps a frame and gives a sentence. */
function createBlend(dialog, where, config, pictureOf, pin) {
  const find = (part) => dialog.querySelector(part);
  const share = find(".klein-share");
  const line = find(".klein-pair-line");
  const canvas = find(".klein-blend-picture");
  const stage = createStage(canvas, painted);
  let seq = 0;
  let link = null;
  let pair = [];
  let walk = null;
  let waiting = null;

  function connect() {
    return createLink(where.socket, {
      frame(header, picture) {
        stage.show(header, picture).catch(() => {});
        if (header.stage === "final" && waiting?.seq === header.seq) waiting.tell(header.frame);
      },
      message(message) {
        // The model is another one now; the first hello opens the connection.
        if (message.type === "hello" && pair.length && message.model.name !== pair[0].model) refused(OTHER_MODEL);
        if (message.type !== "error" || (message.seq !== seq && message.seq !== waiting?.seq)) return;
        refused(message.sentence);
      },
      refused: (sentence) => sentence && refused(sentence),
      lost: (isLost) => isLost && say(NO_WAY),
      slow: (isSlow) => isSlow && say(NO_WAY),
    });
  }

  function refused(sentence) {
    say(sentence);
    waiting?.fail(new Error(sentence));
  }

  function say(sentence) {
    line.textContent = sentence;
  }

  function painted(header) {
    canvas.style.aspectRatio = `${header.width} / ${header.height}`;
    if (walk === null && header.seq === seq) say(about());
  }

  function about() {
    const [a, b] = pair;
    const sizes = a.width === b.width && a.height === b.height ? "" : " B is drawn at the size of A.";
    return `${Math.round((1 - share.value) * 100)} % A, ${Math.round(share.value * 100)} % B.${sizes}`;
  }

  /** The request at `part` of the way, at most `side` pixels long; of one size where it is final. */
  function request(part, side) {
    const [a, b] = pair;
    const { width, height } = sizeOf([a.width, a.height], Math.min(side, Math.max(a.width, a.height)), config.row.limits);
    const draft = side < Infinity ? Math.max(width, height) : config.row.defaults.draft;
    const { prompt, seed, steps, guidance_scale, loras, model } = a;
    const blend = { prompt: b.prompt, seed: b.seed, share: part };
    seq += 1;
    return { type: "request", seq, prompt, seed, width, height, draft, steps, guidance_scale, loras, model, blend };
  }

  function ask() {
    canvas.dataset.share = share.value;
    link.send(request(Number(share.value), Infinity));
  }

  /** The name of the frame at `part` of the way, once it is there. */
  function frameAt(part) {
    return new Promise((tell, fail) => {
      const message = request(part, WALK_SIDE);
      const limit = setTimeout(() => fail(new Error(NO_WAY)), PATIENCE_MS);
      const done = (end) => (value) => {
        clearTimeout(limit);
        waiting = null;
        end(value);
      };
      waiting = { seq: message.seq, tell: done(tell), fail: done(fail) };
      link.send(message);
    });
  }

  async function frames(count) {
    const names = [];
    for (let index = 0; index < count; index += 1) {
      const part = index / (count - 1);
      share.value = part;
      say(`Picture ${index + 1} of ${count}…`);
      names.push(await frameAt(part));
    }
    return names;
  }

  async function saveWalk() {
    if (walk) return stop();
    const [count, kind] = [Number(find(".klein-walk-count").value), find(".klein-walk-kind").value];
    walk = new AbortController();
    working(true);
    try {
      const names = await frames(count);
      say("Putting the walk together…");
      const body = JSON.stringify({ frames: names, as: kind, name: `${pair[0].prompt} to ${pair[1].prompt}` });
      await save(await asked(where.walk, { method: "POST", body, signal: walk.signal }));
      say("The walk is saved.");
    } catch (error) {
      say(walk?.signal.aborted ? "The walk was stopped." : error.message);
    } finally {
      walk = null;
      working(false);
    }
  }

  function stop() {
    walk?.abort();
    waiting?.fail(new Error("stopped"));
  }

  function working(isWorking) {
    find("[data-do='walk']").textContent = isWorking ? "Stop" : "Save walk";
    for (const part of [share, find(".klein-walk-count"), find(".klein-walk-kind"), find("[data-do='keep']")]) {
      part.disabled = isWorking;
    }
  }

  async function keep() {
    const shown = stage.current();
    if (!shown?.frame) return say("There is no picture to pin yet; move the slider.");
    say(await pin(shown.frame));
  }

  share.addEventListener("input", ask);
  dialog.addEventListener("close", () => {
    stop();
    link?.close();
    link = null;
  });
  onDialog(dialog, { walk: saveWalk, keep });

  return {
    /** Open between `a` and `b`; a sentence where they cannot be blended, else empty. */
    open(a, b) {
      const why = unblendable(a, b, config.row);
      if (why) return why;
      pair = [a, b];
      find(".klein-blend-a").src = pictureOf(a);
      find(".klein-blend-b").src = pictureOf(b);
      find(".klein-blend-a").alt = `A: ${a.prompt}`;
      find(".klein-blend-b").alt = `B: ${b.prompt}`;
      find("[data-do='keep']").hidden = !pin;
      share.value = 0.5;
      seq += 1;
      stage.ignoreBefore(seq);
      canvas.width = canvas.height = 1;
      canvas.style.aspectRatio = `${a.width} / ${a.height}`;
      say("");
      link = connect();
      dialog.showModal();
      share.focus();
      ask();
      return "";
    },
  };
}
