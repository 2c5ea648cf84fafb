// The A/B/X test: X is A or B by chance. The result comes with the chance of guessing as well as that.

const blind = { running: false, trials: [], answers: [], at: 0 };
const CSV_COLUMNS = ["trial", "clip", "a", "b", "heard", "same_loudness", "x", "answer", "correct", "plays_a", "plays_b",
  "plays_x", "seconds", "correct_so_far", "p_value_so_far"];

// Return the chance that guessing gets `right` or more of `count` trials right: the upper tail of the binomial at 1/2.
function chance(right, count) {
  let sum = 0, term = 1; // term: count over k
  for (let k = 0; k <= count; k++) {
    if (k >= right) sum += term;
    term = (term * (count - k)) / (k + 1);
  }
  return sum / 2 ** count;
}

function fairCoin() {
  return crypto.getRandomValues(new Uint8Array(1))[0] & 1;
}

function startBlind() {
  const links = [{ name: NO_LINK, title: "as coded" }, ...told.links.map((link) => ({ name: link.name, title: `after ${link.title}` }))];
  $("blind-link").append(...links.map((link) => element("option", { value: link.name }, link.title)));
  $("blind-link").addEventListener("change", offer);
  offer();
  $("blind-start").addEventListener("click", beginTest);
  for (const which of ["a", "b", "x"]) $(`blind-play-${which}`).addEventListener("click", () => playBlind(which));
  for (const which of ["a", "b"]) $(`blind-is-${which}`).addEventListener("click", () => answer(which));
  $("blind-stop").addEventListener("click", endTest);
  $("blind-csv").addEventListener("click", () => save("gossamer-abx.csv", blindCsv(), "text/csv"));
  document.addEventListener("keydown", (event) => {
    if (!blind.running || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const keys = { a: () => playBlind("a"), b: () => playBlind("b"), x: () => playBlind("x"), 1: () => answer("a"), 2: () => answer("b"),
      " ": () => deck.stop(), Escape: endTest };
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || (event.key === " " && event.target.closest?.("button"))) return;
    event.preventDefault();
    act();
  });
}

function offer() {
  const link = $("blind-link").value;
  const able = told.codecs.filter((codec) => heardOf(told.clips[0], codec.key, link));
  const wanted = { "blind-a": $("blind-a").value || "neural", "blind-b": $("blind-b").value || "codec2-3200" };
  for (const [id, key] of Object.entries(wanted)) {
    $(id).replaceChildren(...able.map((codec) => element("option", { value: codec.key }, codec.title)));
    $(id).value = able.some((codec) => codec.key === key) ? key : able[able.length - 1].key;
  }
}

function beginTest() {
  const a = $("blind-a").value, b = $("blind-b").value, count = Number($("blind-count").value);
  if (a === b) {
    $("blind-result").replaceChildren(element("p", { class: "verdict" }, "A and B are the same: choose two."));
    return;
  }
  const order = shuffled(told.clips.map((_, place) => place));
  blind.trials = Array.from({ length: count }, (_, trial) => ({ clip: order[trial % order.length], x: fairCoin() ? "a" : "b", plays: { a: 0, b: 0, x: 0 } }));
  Object.assign(blind, { running: true, answers: [], at: 0, a, b, link: $("blind-link").value, level: $("blind-level").checked });
  $("blind-result").replaceChildren();
  $("blind-csv").hidden = true;
  $("blind-trial").hidden = false;
  for (const id of ["a", "b", "link", "count", "level", "start"]) $(`blind-${id}`).disabled = true;
  deck.stop();
  showTrial();
  $("blind-play-x").focus();
}

function shuffled(values) {
  const order = [...values];
  for (let i = order.length - 1; i > 0; i--) {
    const j = crypto.getRandomValues(new Uint32Array(1))[0] % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

function showTrial() {
  const trial = blind.trials[blind.at], clip = told.clips[trial.clip];
  trial.began = performance.now();
  $("blind-where").textContent = `Trial ${blind.at + 1} of ${blind.trials.length}`;
  $("blind-sentence").textContent = clip.text ? `“${clip.text}”` : clip.name;
  blindStopped();
}

async function playBlind(which) {
  const trial = blind.trials[blind.at], clip = told.clips[trial.clip], key = blind[which === "x" ? trial.x : which];
  trial.plays[which]++;
  deck.open();
  const [samples, original] = await Promise.all([soundOf(heardOf(clip, key, blind.link).audio), soundOf(clip.lanes.original.audio)]);
  if (!blind.running || trial !== blind.trials[blind.at]) return;
  const gain = blind.level ? Math.min(4, loudness(original) / Math.max(1e-4, loudness(samples))) : 1;
  deck.owner = "blind";
  deck.play(samples, 0, gain);
  for (const button of ["a", "b", "x"]) $(`blind-play-${button}`).setAttribute("aria-pressed", String(button === which));
}

function blindStopped() {
  for (const button of ["a", "b", "x"]) $(`blind-play-${button}`).setAttribute("aria-pressed", "false");
}

function answer(which) {
  const trial = blind.trials[blind.at], right = which === trial.x;
  deck.stop();
  blind.answers.push({ ...trial, answer: which, right, seconds: (performance.now() - trial.began) / 1000 });
  blind.at++;
  if (blind.at === blind.trials.length) endTest();
  else showTrial();
}

function endTest() {
  if (!blind.running) return;
  blind.running = false;
  deck.stop();
  $("blind-trial").hidden = true;
  for (const id of ["a", "b", "link", "count", "level", "start"]) $(`blind-${id}`).disabled = false;
  const count = blind.answers.length, right = blind.answers.filter((one) => one.right).length;
  if (!count) {
    $("blind-result").replaceChildren(element("p", { class: "verdict" }, "Ended before the first answer."));
    $("blind-start").focus();
    return;
  }
  const p = chance(right, count);
  const verdict = p < 0.05 ? "You hear the difference: guessing would rarely do so well." : "Guessing would often do as well: no difference is shown.";
  $("blind-result").replaceChildren(
    element("p", { class: "verdict" }, element("strong", {}, `${right} of ${count} right`), `, p = ${p < 0.001 ? p.toExponential(1) : p.toFixed(3)}. ${verdict}`),
    element("ol", { class: "dots", "aria-label": "Answers in order" }, ...blind.answers.map((one) =>
      element("li", { class: one.right ? "" : "wrong", "aria-label": one.right ? "right" : "wrong" }, one.right ? "✓" : "×"))),
    element("p", { class: "note" }, `p is the chance of ${right} or more right answers in ${count} by guessing alone. `
      + `A: ${codecOf(blind.a).title}. B: ${codecOf(blind.b).title}.`));
  $("blind-csv").hidden = false;
  $("blind-csv").focus();
}

function blindCsv() {
  let right = 0;
  const rows = blind.answers.map((one, place) => {
    right += one.right;
    return [place + 1, told.clips[one.clip].name, blind.a, blind.b, blind.link || "as coded", Number(blind.level), blind[one.x], blind[one.answer],
      Number(one.right), one.plays.a, one.plays.b, one.plays.x, one.seconds.toFixed(2), right, chance(right, place + 1).toPrecision(4)];
  });
  const quoted = (value) => /[",\r\n]/.test(value) ? `"${String(value).replace(/"/g, '""')}"` : String(value);
  return [CSV_COLUMNS, ...rows].map((row) => row.map(quoted).join(",") + "\r\n").join("");
}
