// What one prompt has that another has not, word by word.

const MOST_WORDS = 200;

/** Parts of both in order, `{kind, text}`: "same", "added" in `after`, "gone" from `before`. */
function differing(before, after) {
  const [old, now] = [before, after].map((text) => text.match(/\s*\S+|\s+$/gu) ?? []);
  let head = 0;
  while (head < Math.min(old.length, now.length) && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(old.length, now.length) - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const middle = between(old.slice(head, old.length - tail), now.slice(head, now.length - tail));
  const parts = [["same", now.slice(0, head)], ...middle, ["same", now.slice(now.length - tail)]];
  return letters(parts.map(([kind, words]) => ({ kind, text: words.join("") }))).filter(({ text }) => text);
}

/** A word that was typed on keeps its beginning. */
function letters(parts) {
  return parts.flatMap((part, at) => {
    const [gone, added] = part.kind === "gone" ? [part, parts[at + 1]] : [parts[at - 1], part];
    if (gone?.kind !== "gone" || added?.kind !== "added") return [part];
    if (part === added) return [];
    const [old, now] = [[...gone.text], [...added.text]];
    let same = 0;
    while (same < Math.min(old.length, now.length) && old[same] === now[same]) same += 1;
    const text = (kind, from) => ({ kind, text: from.join("") });
    return [text("same", now.slice(0, same)), text("gone", old.slice(same)), text("added", now.slice(same))];
  });
}

/** The longest common row of words stays; a prompt rewritten whole is not looked through. */
function between(old, now) {
  if (old.length * now.length > MOST_WORDS ** 2) return [["gone", old], ["added", now]];
  const common = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      const kept = common[i + 1][j + 1] + 1;
      common[i][j] = old[i] === now[j] ? kept : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  return walk(old, now, common);
}

function walk(old, now, common) {
  const parts = [];
  const put = (kind, word) => {
    if (parts.at(-1)?.[0] === kind) parts.at(-1)[1].push(word);
    else parts.push([kind, [word]]);
  };
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) put("same", now[(i++, j++)]);
    else if (i < old.length && (j === now.length || common[i + 1][j] >= common[i][j + 1])) put("gone", old[i++]);
    else put("added", now[j++]);
  }
  return parts;
}

/** The parts as elements, for reading: `<ins>`, `<del>` and plain text. */
function marked(parts) {
  const tags = { added: "ins", gone: "del" };
  return parts.map(({ kind, text }) => {
    if (kind === "same") return document.createTextNode(text);
    const element = document.createElement(tags[kind]);
    element.textContent = text;
    return element;
  });
}

/** The parts as plain text, for a tooltip. */
function plainly(parts) {
  const signs = { same: ["", ""], added: ["[+", "]"], gone: ["[−", "]"] };
  return parts.map(({ kind, text }) => signs[kind].join(text)).join("").trim();
}
