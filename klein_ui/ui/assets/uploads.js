// Images from outside: chosen, dropped, pasted, photographed; or frames taken from the app.

const UPLOAD_FAILED = "The image did not reach the app; check the connection and add it again.";
const QUESTION_FAILED = "The app gave no answer; check the connection and ask again.";
const IMAGE_TYPES = /^image\//;

/** `send(blob)` and `sendFrame(name)` answer with the stored picture, or throw one sentence. */
function createUploads(url, limit) {
  async function post(address, body, failed = UPLOAD_FAILED) {
    let response;
    try {
      response = await fetch(address, { method: "POST", body, credentials: "same-origin" });
    } catch {
      throw new Error(failed);
    }
    const answer = await response.json().catch(() => ({ sentence: failed }));
    if (!response.ok || !answer) throw new Error(answer?.sentence ?? failed);
    return answer;
  }
  return {
    async send(blob) {
      // Said here, since a browser hears nothing of a server that stops listening half way.
      if (blob.size > limit.bytes) throw new Error(limit.sentence);
      return post(url, blob);
    },
    sendFrame: (frame) => post(`${url}?frame=${encodeURIComponent(frame)}`),
    ask: (address) => post(address, null, QUESTION_FAILED),
  };
}

/** `add(files)` for images dropped anywhere, or pasted while `takesPaste()`. */
function onFiles(takesPaste, add) {
  const filesOf = (transfer) => [...(transfer?.files ?? [])];

  document.addEventListener("dragover", (event) => {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    // Without this the browser would leave the page for the dropped file.
    event.preventDefault();
    document.documentElement.classList.add("klein-dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.documentElement.classList.remove("klein-dropping");
  });
  document.addEventListener("drop", (event) => {
    document.documentElement.classList.remove("klein-dropping");
    const files = filesOf(event.dataTransfer);
    if (files.length === 0) return;
    event.preventDefault();
    add(files);
  });
  document.addEventListener("paste", (event) => {
    const files = filesOf(event.clipboardData).filter(({ type }) => IMAGE_TYPES.test(type));
    if (files.length === 0 || !takesPaste()) return;
    // Office programs put a picture of the text beside the text.
    if (isField(event.target) && event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    add(files);
  });
}
