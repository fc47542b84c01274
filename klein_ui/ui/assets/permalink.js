// Links that open the app with a request. The server writes and reads them; the page only passes on.

const OURS = ["prompt", "seed", "width", "height", "steps", "guidance_scale", "model", "lora", "z"];
const LINK = `
  <form method="dialog">
    <label>Copy this link<input readonly></label>
    <p></p>
    <button>Close</button>
  </form>`;

/** Copy a link to the picture `frame`; where the browser refuses, show it. */
async function copyLink(where, frame, speaker) {
  const answer = asked(where.permalink(frame)).then((response) => response.json());
  const url = answer.then(({ query }) => `${location.origin}${location.pathname}?${query}`);
  try {
    const copied = await written(url);
    const { notes } = await answer;
    if (copied) speaker.notice(["Link copied.", ...notes].join(" "));
    else showLink(await url, notes);
  } catch (error) {
    speaker.refused([error instanceof Refused ? error.message : NOT_SAVED]);
  }
}

/** Whether the text that `promise` gives went to the clipboard. */
async function written(promise) {
  try {
    if (window.ClipboardItem && navigator.clipboard?.write) {
      const text = promise.then((words) => new Blob([words], { type: "text/plain" }));
      // The promise goes in unawaited: Safari wants the call inside the click.
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": text })]);
    } else {
      await navigator.clipboard.writeText(await promise);
    }
    return true;
  } catch {
    await promise;
    return false;
  }
}

function showLink(url, notes) {
  const dialog = document.createElement("dialog");
  dialog.className = "klein-link";
  dialog.setAttribute("aria-label", "Link");
  dialog.innerHTML = LINK;
  const field = dialog.querySelector("input");
  field.value = url;
  dialog.querySelector("p").textContent = notes.join(" ");
  dialog.addEventListener("close", () => dialog.remove());
  document.getElementById("klein").append(dialog);
  dialog.showModal();
  field.select();
}

/** The query of the address, where it holds a request; the address then names the app alone. */
function takeQuery() {
  const query = new URLSearchParams(location.search);
  if (!query.has("z") && !query.has("prompt")) return "";
  const whole = location.search;
  for (const name of OURS) query.delete(name);
  const rest = query.size ? `?${query}` : "";
  try {
    history.replaceState(history.state, "", `${location.pathname}${rest}${location.hash}`);
  } catch {
    // A frame without an origin of its own may not; the link then stays in the address.
  }
  return whole;
}
