// What travels between page and server: the protocol of `klein_ui/ui/wire.py`.

const PROTOCOL = 1;
const utf8 = new TextDecoder();

/** A binary message: header length, JSON header, encoded picture. */
function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0);
  const header = JSON.parse(utf8.decode(new Uint8Array(buffer, 4, length)));
  return { header, picture: new Uint8Array(buffer, 4 + length) };
}

/** The same frame as one JSON message with the picture in base64. */
function unpackEvent({ data, ...header }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  return { header, picture: bytes };
}

/** The request message for `prompt` with the settings of the moment and what a tab adds. */
function requestMessage(seq, prompt, { small, ...settings }, more) {
  return { type: "request", seq, prompt, ...settings, ...more };
}

/** Addresses under the page's own root, whatever proxy stands in front. */
function addresses() {
  const config = window.gradio_config ?? {};
  const base = new URL((config.root || ".").replace(/\/?$/, "/"), location.href);
  if (base.hostname === location.hostname) {
    base.protocol = location.protocol;
    base.host = location.host;
  }
  const api = new URL((config.api_prefix ?? "/gradio_api").replace(/^\//, "") + "/live", base);
  const socket = new URL(api);
  socket.protocol = api.protocol === "https:" ? "wss:" : "ws:";
  return {
    socket: socket.href,
    frame: (name) => `${api.href}/frames/${encodeURIComponent(name)}.png`,
    changes: (name) => `${api.href}/frames/${encodeURIComponent(name)}/changes.png`,
    sources: (name) => `${api.href}/frames/${encodeURIComponent(name)}/sources`,
    file: (name, format) => `${api.href}/frames/${encodeURIComponent(name)}.png?format=${format}&sidecar=1`,
    permalink: (name) => `${api.href}/frames/${encodeURIComponent(name)}/link`,
    export: `${api.href}/export`,
    admitted: `${api.href}/admitted`,
    open: `${api.href}/open`,
    diagnostics: `${api.href}/diagnostics`,
    pictures: `${api.href}/pictures`,
    loras: `${api.href}/loras`,
    history: `${api.href}/history`,
    boards: `${api.href}/boards`,
    pins: `${api.href}/pins`,
    walk: `${api.href}/walk`,
    picture: (digest, query) => `${api.href}/pictures/${digest}.jpg?${new URLSearchParams(query)}`,
  };
}
