// Chooses the way to the server, and remembers the newest request until its final picture came.

const FAILURES_BEFORE_LANE = 2;

/** Where the server wants events alone; those who wait for `on` are not made yet. */
function noSocket(on) {
  setTimeout(() => on.slow(true));
  return { isOpen: () => false, close() {} };
}

/** `on.frame(header, picture)`, `on.message(object)`, `on.lost(isLost)`, `on.slow(isSlow)`. */
function createLink(url, on) {
  let newest = null;
  let settled = -1;
  let fallback = CONFIG.onlyEvents;

  const lane = createLane(receive);
  const socket = fallback ? noSocket(on) : createSocket(url, {
    open() {
      fallback = false;
      on.lost(false);
      on.slow(false);
      if (newest && newest.seq > settled) socket.send(newest.text);
    },
    text: receive,
    binary(buffer) {
      const { header, picture } = unpack(buffer);
      deliver(header, picture);
    },
    closed(failures, everOpened) {
      if (everOpened) {
        on.lost(failures > 1);
      } else if (failures >= FAILURES_BEFORE_LANE && !fallback) {
        fallback = true;
        on.slow(true);
        if (newest && newest.seq > settled) lane.send(newest.text);
      }
    },
  });

  function receive(text) {
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
    else if (fallback) lane.send(text);
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
    close: socket.close,
  };
}
