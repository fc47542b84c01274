// The time machine: every typed state of the desk, gone back to and branched from.

const SESSION = "klein-session";
const MOST_SHOWN = 1_000;
const SURPLUS = 100;
const THUMBNAIL_PX = 112;
const NAMED = 24;

/** `url` is where the states are. Nothing that is done here asks for a picture to be made. */
function createTimeMachine(root, url, config) {
  const find = (part) => root.querySelector(`.klein-${part}`);
  const caption = find("caption");
  const moments = createMoments((id, stage) => `${url}/${id}/picture.jpg?stage=${stage}`);
  const strip = createStrip(find("moments"), { look: scrub, stop, type, start: older });
  const thumbnails = createThumbnails((id, source) => strip.picture(indexOf(id), source));
  const playback = createPlayback(find("play"), look, stop);
  const session = sessionName();
  const undone = [];
  const ids = new Map();
  const states = [];
  let desk = null;
  let current = null;
  let branch = null;
  let unfilled = false;
  let looks = 0;
  let hasOlder = true;

  const indexOf = (id) => (ids.has(id) ? ids.get(id) : -1);
  const source = ({ id, stage }) => `${url}/${id}/thumbnail.webp?stage=${stage}`;
  const parentOf = (state) => states[indexOf(state.parent)] ?? states[indexOf(state.id) - 1] ?? null;
  const parts = (state) => differing(states[indexOf(state.parent)]?.prompt ?? "", state.prompt);
  const title = (state) => plainly(parts(state)) || "No words";
  const time = ({ at }) => new Date(at * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

  function childOf(state) {
    if (!state) return null;
    return states.findLast(({ parent }) => parent === state.id) ?? null;
  }

  function show() {
    strip.mark(current ? indexOf(current.id) : -1);
    find("earlier").disabled = !(current ? parentOf(current) : states.at(-1));
    find("later").disabled = !(undone.length || childOf(current));
    for (const part of ["play", "clip", "gif"]) find(part).disabled = states.length === 0;
  }

  function say(state) {
    caption.replaceChildren(...marked(parts(state)));
    caption.title = title(state);
    // What is typed from there, and its PNG, are the current model's business.
    if (isOther(state)) caption.append(` · Made with ${state.model}.`);
  }

  const isOther = ({ model }) => model !== undefined && model !== config.row.model.name;

  /** The moments of this page's session, or all where it has none yet. */
  function played() {
    const own = states.filter((state) => state.session === session);
    return own.length ? own : states;
  }

  function save(kind) {
    const last = current ?? states.at(-1);
    if (last) saveClip(url, last.session, last, kind, desk.speaker);
  }

  /** A picture of the desk arrived that is kept as a state: a new one, or better of one there is. */
  function arrived(header, bytes, message) {
    if (!header.state || !message) return;
    const state = { session, ...message, ...header.state, stage: header.stage, frame: header.frame };
    const isOn = branch === null || header.seq > branch.seq;
    moments.put(state.id, state.stage, bytes, header.mime);
    if (ids.has(state.id)) Object.assign(states[indexOf(state.id)], state);
    else append(state, isOn);
    thumbnails.make(state.id, bytes, header.mime);
    if (!isOn) return;
    if (current?.id !== state.id) undone.length = 0;
    branch = null;
    current = states[indexOf(state.id)];
    show();
    say(current);
  }

  function append(state, follows) {
    ids.set(state.id, states.length);
    states.push(state);
    strip.append(state.id, "", title(state), follows);
    if (states.length >= MOST_SHOWN + SURPLUS) shorten();
  }

  /** The server keeps no more either; a page that is typed on for days must not grow. */
  function shorten() {
    for (const { id } of states.splice(0, SURPLUS)) ids.delete(id);
    states.forEach(({ id }, index) => ids.set(id, index));
    strip.shorten(SURPLUS);
    hasOlder = false;
  }

  function scrub(index) {
    playback.stop();
    undone.length = 0;
    look(states[index]);
  }

  /** A letter typed on the strip is meant for the prompt. */
  function type() {
    stop();
    desk.focus();
  }

  /** On screen at once, from what is in the browser; in its fields once somebody stops there. */
  async function look(state) {
    const mine = (looks += 1);
    current = state;
    unfilled = true;
    show();
    say(state);
    const index = indexOf(state.id);
    const thumbnail = moments.found(state.id) ? null : strip.thumbnail(index);
    if (thumbnail) put(state, thumbnail, [thumbnail.naturalWidth, thumbnail.naturalHeight]);
    try {
      const { data, type } = await moments.picture(state);
      const image = mine === looks ? await decoded(data, type) : null;
      if (mine === looks) put(state, image, [image.displayWidth ?? image.width, image.displayHeight ?? image.height]);
      image?.close();
    } catch (error) {
      if (mine === looks) desk.speaker.notice(error.message || GONE_MOMENT);
    }
    moments.prefetch(states, index);
  }

  function put(state, image, size) {
    branch = { id: state.id, seq: desk.look(image, size, state) };
    desk.status.plain(`Typed at ${time(state)}`);
  }

  function stop() {
    if (!unfilled || !current) return;
    unfilled = false;
    // What is typed from here on, even before its picture is there, comes from this one.
    if (branch?.id !== current.id) branch = { id: current.id, seq: branch?.seq ?? -1 };
    desk.fill(current);
    name(current);
  }

  /** What is looked at, once it has its name, whether its picture is there yet or not; null while nothing is. */
  async function named() {
    stop();
    if (!current || branch?.id !== current.id) return null;
    const state = current;
    await name(state);
    return state.frame ? { frame: state.frame, prompt: state.prompt, seed: state.seed } : null;
  }

  /** For Copy, Download, Pin and Edit this: the picture under a name of its own. */
  function name(state) {
    // The app keeps the names of a page's last pictures only.
    if (state.frame && states.length - indexOf(state.id) <= NAMED) return Promise.resolve();
    return (state.naming ??= ask(state).finally(() => (state.naming = null)));
  }

  async function ask(state) {
    const reply = await fetch(`${url}/${state.id}/frame`, { method: "POST", credentials: "same-origin" }).catch(() => null);
    if (!reply?.ok) return;
    state.frame = (await reply.json()).frame;
    if (branch?.id === state.id) desk.stage.named(branch.seq, state.frame);
  }

  function travel(way) {
    if (find(way < 0 ? "earlier" : "later").disabled) return;
    playback.stop();
    let to;
    if (way < 0) {
      to = current ? parentOf(current) : states.at(-1);
      if (current) undone.push(current);
    } else {
      to = undone.pop() ?? childOf(current);
    }
    look(to);
    stop();
    strip.reveal(indexOf(to.id));
  }

  async function listed(before) {
    const reply = await fetch(`${url}?before=${before}`, { credentials: "same-origin" }).catch(() => null);
    const answer = await reply?.json().catch(() => null);
    if (!reply?.ok) {
      if (answer?.sentence) desk.speaker.notice(answer.sentence);
      return [];
    }
    return answer.states.filter(({ id }) => !ids.has(id));
  }

  async function older() {
    if (!hasOlder || states.length >= MOST_SHOWN) return;
    hasOlder = false;
    const found = await listed(states[0]?.id ?? "");
    states.unshift(...found);
    states.forEach(({ id }, index) => ids.set(id, index));
    strip.prepend(found.map((state) => [state.id, source(state), title(state)]));
    hasOlder = found.length > 0;
    show();
  }

  async function join(made) {
    desk = made;
    await older();
    strip.end();
    if (states.length && !current) caption.textContent = "Drag along the moments to go back to one.";
  }

  return {
    join,
    travel,
    buttons: {
      earlier: () => travel(-1),
      later: () => travel(1),
      play: () => playback.toggle(played(), current),
      clip: () => save("webp"),
      gif: () => save("gif"),
    },
    plus: {
      arrived,
      named,
      /** Somebody goes on: what is still on its way to be looked at stays away. */
      asking() {
        playback.stop();
        looks += 1;
        unfilled = false;
      },
      fields: () => (branch ? { session, stands: branch.id } : { session }),
    },
  };
}

const GONE_MOMENT = "This moment cannot be fetched now; check the connection and choose it again.";

/** Makes small pictures of frames while nothing else is to do. */
function createThumbnails(done) {
  const waiting = new Map();
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));
  const canvas = document.createElement("canvas");
  let busy = false;

  async function next() {
    const [id, { bytes, type }] = waiting.entries().next().value;
    waiting.delete(id);
    try {
      const image = await createImageBitmap(new Blob([bytes], { type }));
      const scale = THUMBNAIL_PX / Math.min(image.width, image.height);
      canvas.width = Math.round(image.width * scale);
      canvas.height = Math.round(image.height * scale);
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      image.close();
      done(id, canvas.toDataURL("image/jpeg", 0.85));
    } finally {
      busy = waiting.size > 0;
      if (busy) idle(next, { timeout: 500 });
    }
  }

  return {
    make(id, bytes, type) {
      waiting.set(id, { bytes, type });
      if (!busy) idle(next, { timeout: 500 });
      busy = true;
    },
  };
}

/** One a tab of the browser, the same after a reload. */
function sessionName() {
  const made = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  try {
    const kept = sessionStorage.getItem(SESSION) ?? made;
    sessionStorage.setItem(SESSION, kept);
    return kept;
  } catch {
    return made;
  }
}
