// The one global, and the start once Gradio has put every part on the page.

const STAGE = "#klein-stage .klein-well";
const PARTS = [
  STAGE,
  "#klein-prompt textarea",
  "#klein-message-text",
  "#klein-counter",
  "#klein-seed input",
  "#klein-aspect input",
  "#klein-side-length input",
  "#klein-draft input",
  "#klein-fold",
  ...Object.keys(TIPS).map((id) => `#${id}`),
];

let app = null;
let lanePart = null;

function joinLane() {
  if (app && lanePart) app.lane.mount(...lanePart);
}

window.kleinLive = {
  /** Called by the widgets' events, with all their values. */
  settings: (...values) => app?.settings.fromWidgets(...values),
  /** Called when the hidden component of the fallback is on the page. */
  lane(...part) {
    lanePart = part;
    joinLane();
  },
  /** The newest request, for the fallback's event. */
  takeRequest: () => app?.lane.take() ?? "",
};

const isWhole = () => PARTS.every((part) => document.querySelector(part));

function begin() {
  app = start(document.querySelector(STAGE));
  joinLane();
}

if (isWhole()) {
  begin();
} else {
  const observer = new MutationObserver(() => {
    if (!isWhole()) return;
    observer.disconnect();
    begin();
  });
  observer.observe(document.documentElement, { childList: true, subtree: true });
}
