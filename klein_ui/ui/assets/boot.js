// The one global, and the start once Gradio has put every part on the page.

const PARTS = [
  ".klein-well",
  ".klein-prompt textarea",
  ".klein-message-text",
  ".klein-counter",
  ".klein-seed input",
  ".klein-aspect input",
  ".klein-side-length input",
  ".klein-draft input",
  ".klein-fold",
  ...Object.keys(TIPS).map((part) => `.klein-${part}`),
];
const DESKS = {
  klein: PARTS,
  "klein-edit": [...PARTS, ".klein-gallery", ".klein-tools", ".klein-small input"],
};

let app = null;
let lanePart = null;

function joinLane() {
  if (app && lanePart) app.lane.mount(...lanePart);
}

window.kleinLive = {
  /** Called by the widgets' events, with the beginning of the desk's ids and all their values. */
  settings(desk, names, values) {
    const said = Object.fromEntries(names.map((name, index) => [name, values[index]]));
    app?.desks[desk]?.settings.fromWidgets(said);
  },
  /** Called when the hidden component of the fallback is on the page. */
  lane(...part) {
    lanePart = part;
    joinLane();
  },
  /** The newest request, for the fallback's event. */
  takeRequest: () => app?.lane.take() ?? "",
};

/** The desk's element once all its parts are on the page: a tab's come when it is first opened. */
function wholeDesk(name) {
  const root = document.getElementById(`${name}-desk`);
  return root && DESKS[name].every((part) => root.querySelector(part)) ? root : null;
}

function begin(missing) {
  for (const name of missing) {
    const root = wholeDesk(name);
    if (!root) continue;
    if (!app) app = start();
    app.join(name, root);
    missing.delete(name);
    joinLane();
  }
}

const missing = new Set(Object.keys(DESKS));
begin(missing);
const observer = new MutationObserver(() => {
  begin(missing);
  if (missing.size === 0) observer.disconnect();
});
observer.observe(document.documentElement, { childList: true, subtree: true });
