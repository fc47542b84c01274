// A prompt box for the frame of any page: words up, pictures down, and nothing else.

const [box, picture, line] = ["input", "img", "output"].map((name) => document.querySelector(name));
const CLOSED = "No connection; it is tried again by itself.";
const given = new URLSearchParams(location.search);
const seed = Math.trunc(Number(given.get("seed"))) || 0;

const prompts = new Map();
let seq = 0;
let arrived = 0;
let onScreen = 0;
let row = null;

const say = (sentence) => {
  line.value = sentence;
};

function ask() {
  if (!row || !socket.isOpen()) return;
  seq += 1;
  const { side, draft } = row.defaults;
  const prompt = box.value.trim() && box.value;
  const wanted = prompt
    ? { type: "request", seq, prompt, seed, width: side, height: side, draft, model: row.model.name }
    : { type: "clear", seq };
  prompts.set(seq, box.value);
  socket.send(JSON.stringify(wanted));
}

function hear(message) {
  if (message.type === "hello") {
    row = message;
    box.maxLength = row.limits.prompt_chars;
    say("");
    ask();
  } else if (message.type === "busy") say(`Busy: ${message.ahead} ahead of you.`);
  else if (message.type === "error" && (message.seq ?? seq) >= seq) say(message.sentence);
  else if (message.type === "progress") say(message.phase === "ready" ? "" : message.sentence);
}

async function show({ header, picture: bytes }) {
  arrived += 1;
  const mine = arrived;
  const url = URL.createObjectURL(new Blob([bytes], { type: header.mime }));
  const next = new Image();
  next.src = url;
  await next.decode().catch(() => {});
  if (mine < onScreen || !box.value.trim()) {
    URL.revokeObjectURL(url);
    return;
  }
  onScreen = mine;
  URL.revokeObjectURL(picture.src);
  picture.src = url;
  for (const older of prompts.keys()) if (older < header.seq) prompts.delete(older);
  picture.alt = prompts.get(header.seq) ?? "";
  picture.dataset.stage = header.stage;
  say("");
}

const socket = createSocket(addresses().socket, {
  open: () => {},
  text: (text) => hear(JSON.parse(text)),
  binary: (buffer) => show(unpack(buffer)),
  closed: () => say(CLOSED),
});

box.value = given.get("prompt") ?? "";
box.addEventListener("input", ask);
