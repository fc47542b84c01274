// Chooses the way to the server, and remembers the newest request until its final picture came.

const FAILURES_BEFORE_LANE = 2;
// Gradio's client closes its stream when the server says so, also where it has just been told of
// another event, whose replies are lost then.
const QUIET_MS = 3_000;
const LONGEST_QUIET_MS = 60_000;

/** Where the server wants events alone; those who wait for `on` are not made yet. */
function noSocket(on) {
  setTimeout(() => on.slow(true));
  return { isOpen: () => false, close() {} };
}

/**
 * `on.frame(header, picture)`, `on.message(object)`, `on.lost(isLost)`, `on.slow(isSlow)`, and
 * `on.refused(sentence)`, empty once there is a place; `on.shut(isShut)` where the server is there,
 * and says at `admitted` that this page is not let in.
 */
function createLink(url, on, admitted = "") {
  let newest = null;
  let settled = -1;
  let fallback = CONFIG.onlyEvents;
  let isShut = false;
  let quiet = 0;
  const isDue = () => newest !== null && newest.seq > settled;

  const lane = createLane(receive);
  const socket = fallback ? noSocket(on) : createSocket(url, {
    open() {
      fallback = false;
      shut(false);
      on.refused("");
      on.lost(false);
      on.slow(false);
      if (isDue()) socket.send(newest.text);
    },
    text: receive,
    binary(buffer) {
      const { header, picture } = unpack(buffer);
      deliver(header, picture);
    },
    closed(failures, everOpened, refusal) {
      on.refused(refusal);
      if (failures > 1 && admitted && !refusal) askWhy();
      if (refusal) {
        // The slower way would find no place either.
        on.lost(false);
      } else if (everOpened) {
        on.lost(failures > 1 && !isShut);
      } else if (failures >= FAILURES_BEFORE_LANE && !fallback) {
        fallback = true;
        on.slow(true);
        if (isDue()) ask(newest.text);
      }
    },
  });

  /** A socket that is refused looks like one that no server is there for. */
  async function askWhy() {
    let is401 = false;
    try {
      const reply = await fetch(admitted, { credentials: "same-origin", cache: "no-store" });
      is401 = reply.status === 401;
    } catch {
      // No server is there.
    }
    if (!socket.isOpen()) shut(is401);
  }

  function shut(is) {
    if (is) on.lost(false);
    if (is !== isShut) on.shut?.(is);
    isShut = is;
  }

  /** Over events; said again where nothing is heard for a while. */
  function ask(text) {
    lane.send(text);
    listen(QUIET_MS);
  }

  function listen(quiet_ms) {
    clearTimeout(quiet);
    quiet = setTimeout(() => {
      if (!fallback || !isDue()) return;
      lane.send(newest.text);
      listen(Math.min(2 * quiet_ms, LONGEST_QUIET_MS));
    }, quiet_ms);
  }

  function receive(text) {
    if (fallback) listen(QUIET_MS);
    const message = JSON.parse(text);
    if (message.type === "frame") {
      const { header, picture } = unpackEvent(message);
      deliver(header, picture);
      return;
    }
    if (message.type === "error" && message.seq !== null) done(message.seq);
    on.message(message);
  }

  function deliver(header, picture) {
    if (header.stage === "final") done(header.seq);
    on.frame(header, picture);
  }

  function done(seq) {
    settled = Math.max(settled, seq);
  }

  function hand(text) {
    if (socket.isOpen()) socket.send(text);
    else if (fallback) ask(text);
    else return false;
    return true;
  }

  return {
    lane,
    /** Send `message`; one that finds no way yet is replaced by the next. */
    send(message) {
      const text = JSON.stringify(message);
      newest = { seq: message.seq, text };
      hand(text);
    },
    /** Nothing is wanted any more, here and on the server; a reconnect sends nothing. */
    clear(seq) {
      newest = null;
      hand(JSON.stringify({ type: "clear", seq }));
    },
    /** Send `message` now; false where there is no way, and then no reconnect sends it. */
    say: (message) => hand(JSON.stringify(message)),
    close() {
      clearTimeout(quiet);
      socket.close();
    },
  };
}
