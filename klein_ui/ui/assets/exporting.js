// Boards and pins leave as files.

const MAKING = { "sheet.png": "The contact sheet is being made…", "sheet.pdf": "The contact sheet is being made…" };

/** `speak` has `notice(sentence)` and `refused(sentences)`. */
function createExport(where, speak) {
  let going = null;

  /** Save `pins`, ids in their order, or without any the board, `as` "zip", "sheet.png", … */
  async function run(boardId, pins, as) {
    // What was asked before is not waited for any more; the server stops.
    going?.abort();
    const mine = (going = new AbortController());
    speak.notice(MAKING[as] ?? "The files are being packed…");
    const body = JSON.stringify({ ...(pins?.length ? { pins } : { board: boardId }), as });
    try {
      await save(await asked(where.export, { method: "POST", body, signal: mine.signal }));
      speak.notice("Saved.");
    } catch (error) {
      if (!mine.signal.aborted) speak.refused([error instanceof Refused ? error.message : NOT_SAVED]);
    } finally {
      if (going === mine) going = null;
    }
  }

  return { run };
}
