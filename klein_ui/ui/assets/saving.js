// Files that leave the page, and the sentence where one does not.

/** The server's own sentence on why a file does not leave. */
class Refused extends Error {}

const NOT_SAVED = "The file did not come; check the connection and try again.";

/** The answer to a question for a file. Throws one sentence. */
async function asked(address, options = {}) {
  const response = await fetch(address, { credentials: "same-origin", ...options }).catch(() => null);
  if (!response) throw new Refused(NOT_SAVED);
  if (response.ok) return response;
  const text = await response.text();
  throw new Refused(sentenceIn(text) || NOT_SAVED);
}

/** Answers are sentences, as plain text or in JSON; a proxy's page of HTML is none. */
function sentenceIn(text) {
  try {
    return JSON.parse(text).sentence;
  } catch {
    return text.startsWith("<") ? "" : text;
  }
}

/** Save what came, under the name that the server gave it or `name`. */
async function save(response, name) {
  const said = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get("Content-Disposition") ?? "");
  const blob = await response.blob().catch(() => null);
  // Where a later picture is held back, the file ends early.
  if (!blob) throw new Refused(NOT_SAVED);
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name ?? (said ? decodeURIComponent(said[1]) : "export");
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
