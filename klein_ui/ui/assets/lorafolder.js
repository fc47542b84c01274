// The folder of LoRAs, which all desks share: what is in it, and one more from the hub.

const NO_ANSWER = "The app gave no answer; check the connection and try again.";

/** `onChange()`s are called when the names were read again. */
function createLoraFolder(url) {
  const listeners = [];
  let names = [];
  let isRead = false;
  let problem = "";

  async function refresh() {
    try {
      const response = await fetch(url, { credentials: "same-origin" });
      const answer = await response.json();
      names = answer.names ?? names;
      isRead ||= answer.names !== undefined;
      problem = answer.sentence ?? "";
    } catch {
      problem = NO_ANSWER;
    }
    listeners.forEach((changed) => changed());
  }

  /** The lines of JSON in `body`, each as soon as it is there. */
  async function* lines(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      const whole = (rest + value).split("\n");
      rest = whole.pop();
      yield* whole.map((line) => JSON.parse(line));
    }
  }

  async function answered(id) {
    const query = new URLSearchParams({ id });
    try {
      return await fetch(`${url}?${query}`, { method: "POST", credentials: "same-origin" });
    } catch {
      throw new Error(NO_ANSWER);
    }
  }

  refresh();
  // Whoever comes back from copying a file there need not ask.
  window.addEventListener("focus", refresh);

  return {
    refresh,
    names: () => names,
    isRead: () => isRead,
    /** Why the names could not be read, else empty. */
    problem: () => problem,
    onChange: (changed) => listeners.push(changed),
    /** Get the LoRA with the hub `id`, `told({sentence, fraction})` as it comes; its name. */
    async get(id, told) {
      const response = await answered(id);
      if (!response.ok) throw new Error((await response.json().catch(() => ({}))).sentence ?? NO_ANSWER);
      for await (const line of lines(response.body)) {
        if (line.failed) throw new Error(line.failed);
        if (line.sentence) told(line);
        if (line.name === undefined) continue;
        await refresh();
        return line.name;
      }
      throw new Error(NO_ANSWER);
    },
  };
}
