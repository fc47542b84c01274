// How it came to be: the moments of the session one after the other, in the stage itself.

const FRAME_MS = 140;
const UNSAVED = "The clip cannot be saved now; check the connection and press it again.";

/** `look(state)` puts a moment on screen, `rest()` when it goes no further. */
function createPlayback(button, look, rest) {
  let playing = 0;

  function reflect() {
    button.textContent = playing ? "❚❚" : "▶";
    button.setAttribute("aria-label", playing ? "Pause" : "Play the moments");
    button.setAttribute("aria-pressed", String(playing > 0));
  }

  /** Somebody does something else. */
  function stop() {
    if (!playing) return;
    playing = 0;
    reflect();
  }

  async function play(states) {
    const mine = (playing = performance.now());
    reflect();
    for (const state of states) {
      const due = performance.now() + FRAME_MS;
      await look(state);
      await new Promise((later) => setTimeout(later, Math.max(0, due - performance.now())));
      if (playing !== mine) return;
      if (!button.checkVisibility()) break;
    }
    stop();
    rest();
  }

  return {
    stop,
    /** Pause, or play on in `states` from `current`; from the first one where that is the last. */
    toggle(states, current) {
      if (playing) {
        stop();
        return rest();
      }
      const at = states.indexOf(current);
      const from = at < 0 || at === states.length - 1 ? 0 : at;
      if (states.length) play(states.slice(from));
    },
  };
}

/** Save the clip that ends with `last`; the server's sentence goes to `speaker` where it makes none. */
async function saveClip(url, session, last, kind, speaker) {
  speaker.notice("Making the clip…");
  try {
    const body = JSON.stringify({ session, from: "", to: last.id, as: kind });
    const reply = await fetch(`${url}/clip`, { method: "POST", credentials: "same-origin", body });
    if (!reply.ok) return speaker.notice((await reply.json().catch(() => ({}))).sentence ?? UNSAVED);
    const address = URL.createObjectURL(await reply.blob());
    const link = document.createElement("a");
    link.href = address;
    link.download = fileName(last).replace(/png$/, kind);
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
    speaker.notice("Clip saved.");
  } catch {
    speaker.notice(UNSAVED);
  }
}
