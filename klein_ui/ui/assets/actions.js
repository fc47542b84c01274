// Copy and download: the full PNG, which holds its request.

const GONE = "That picture is no longer kept; type on, then try again with the new one.";

/** The server's own sentence on why a picture does not leave. */
class Refused extends Error {}

/** `current()` gives `{frame, prompt, seed}` of the picture on screen, or null. */
function createActions(frameUrl, current, speaker) {
  async function png(frame) {
    const response = await fetch(frameUrl(frame), { credentials: "same-origin" });
    if (!response.ok) throw new Refused((await response.text()) || GONE);
    return response.blob();
  }

  async function copy() {
    const picture = current();
    if (!picture) return speaker.notice("There is no picture to copy yet; type a prompt first.");
    if (!navigator.clipboard?.write || !window.ClipboardItem) {
      return speaker.notice("This browser copies no pictures here; use Download instead.");
    }
    try {
      // The promise goes in unawaited: Safari wants the call inside the click.
      await navigator.clipboard.write([new ClipboardItem({ "image/png": png(picture.frame) })]);
      speaker.notice("Picture copied.");
    } catch (error) {
      speaker.notice(error instanceof Refused ? error.message : "The browser refused to copy; use Download instead.");
    }
  }

  async function download() {
    const picture = current();
    if (!picture) return speaker.notice("There is no picture to download yet; type a prompt first.");
    try {
      const url = URL.createObjectURL(await png(picture.frame));
      const link = document.createElement("a");
      link.href = url;
      link.download = fileName(picture);
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    } catch (error) {
      speaker.notice(error instanceof Refused ? error.message : GONE);
    }
  }

  return { copy, download };
}

/** The first words of the prompt and the seed, safe on every file system. */
function fileName({ prompt, seed }) {
  const words = prompt.normalize("NFC").match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  const name = [...words.slice(0, 8).join("-").toLowerCase()].slice(0, 60).join("");
  return `${name || "picture"}-${seed}.png`;
}
