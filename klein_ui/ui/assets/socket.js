// One WebSocket that comes back by itself.

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 10_000;
const OPENING_MS = 5_000;
const TRY_AGAIN_LATER = 1013;

/**
 * `on.open()` when the server has spoken, since some proxies open a socket and carry nothing;
 * `on.text(string)`, `on.binary(buffer)`, and `on.closed(failures, everOpened, refusal)` where
 * `failures` counts attempts in a row that brought no word, and `refusal` is why the server has no
 * place, or empty.
 */
function createSocket(url, on) {
  let socket = null;
  let speaks = false;
  let failures = 0;
  let everOpened = false;
  let isOver = false;
  let timer = 0;

  function connect() {
    clearTimeout(timer);
    let opening;
    try {
      opening = new WebSocket(url);
    } catch {
      ended("");
      return;
    }
    socket = opening;
    opening.binaryType = "arraybuffer";
    const limit = setTimeout(() => opening.close(), OPENING_MS);
    opening.onmessage = ({ data }) => {
      if (!speaks) {
        clearTimeout(limit);
        speaks = everOpened = true;
        failures = 0;
        on.open();
      }
      if (typeof data === "string") on.text(data);
      else on.binary(data);
    };
    opening.onclose = ({ code, reason }) => {
      clearTimeout(limit);
      ended(code === TRY_AGAIN_LATER ? reason : "");
    };
  }

  function ended(refusal) {
    if (isOver) return;
    failures += 1;
    socket = null;
    speaks = false;
    on.closed(failures, everOpened, refusal);
    timer = setTimeout(connect, delay());
  }

  function delay() {
    if (!everOpened && failures >= 2) return LONGEST_RETRY_MS;
    const backoff = FIRST_RETRY_MS * 2 ** (failures - 1);
    return Math.min(LONGEST_RETRY_MS, backoff) * (0.75 + Math.random() / 4);
  }

  const online = () => socket || connect();
  window.addEventListener("online", online);
  // Whoever comes back may have mended it elsewhere, as by a login in another tab.
  window.addEventListener("focus", online);
  connect();
  return {
    isOpen: () => speaks && socket.readyState === WebSocket.OPEN,
    send: (text) => socket.send(text),
    /** Never again. */
    close() {
      isOver = true;
      clearTimeout(timer);
      window.removeEventListener("online", online);
      window.removeEventListener("focus", online);
      socket?.close();
    },
  };
}
