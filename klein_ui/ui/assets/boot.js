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
  ".klein-loras",
  ".klein-fold",
  ...Object.keys(TIPS).map((part) => `.klein-${part}`),
];
const DESKS = {
  klein: [...PARTS, ".klein-strip"],
  "klein-board": [".klein-boards", ".klein-wall"],
  "klein-edit": [...PARTS, ".klein-gallery", ".klein-tools", ".klein-small input"],
};

let app = null;
let lanePart = null;
let refitPart = null;

function joinParts() {
  if (app && lanePart) app.lane.mount(...lanePart);
  if (app && refitPart) app.refit.mount(refitPart);
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
    joinParts();
  },
  /** Called when the hidden component that fits the widgets to the model is on the page. */
  refit(fire) {
    refitPart = fire;
    joinParts();
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
    joinParts();
  }
}

const missing = new Set(Object.keys(DESKS));
begin(missing);
const observer = new MutationObserver(() => {
  begin(missing);
  if (missing.size === 0) observer.disconnect();
});
observer.observe(document.documentElement, { childList: true, subtree: true });
