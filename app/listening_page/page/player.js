// The player: one clip through one codec, as coded or after a link. After any change it goes on at the same moment.

const OURS = ["neural", "classic", "unquantised"];
const deck = new Deck();
const chosen = { clip: 0, codec: "neural", link: "" };
const NO_LINK = "";

const clipNow = () => told.clips[chosen.clip];
const linkNow = () => told.links.find((link) => link.name === chosen.link);
const codecOf = (key) => told.codecs.find((codec) => codec.key === key);

// Return what is heard of a codec, as coded or after the link. After a link there is nothing of the unquantised one:
// nobody sends it.
function heardOf(clip, key, link) {
  const lane = clip.lanes[key];
  return link === NO_LINK ? lane : lane.links[link];
}

const heardNow = (key = chosen.codec) => heardOf(clipNow(), key, chosen.link);

let showing = 0;
async function show() {
  const clip = clipNow(), mine = ++showing;
  if (!heardNow()) chosen.codec = "neural";
  $("clip").value = chosen.clip;
  $("sentence").textContent = clip.text ? `“${clip.text}”${clip.speaker ? ` (${clip.speaker})` : ""}` : "";
  showTable();
  showStrip();
  showAbout();
  const [original, samples] = await Promise.all([soundOf(clip.lanes.original.audio), soundOf(heardNow().audio)]);
  if (mine !== showing) return;
  const seconds = Math.max(original.length, samples.length) / RATE;
  $("seek").max = seconds.toFixed(2);
  const ghost = { hz: clip.lanes.original.pitch, colour: "--ghost", thick: 1.5 };
  draw($("picture-original"), original, seconds, [{ ...ghost, colour: "--pitch", thick: 2.5 }]);
  draw($("picture-chosen"), samples, seconds, [ghost, { hz: heardNow().pitch, colour: "--pitch", thick: 2.5 }]);
  $("pictures").dataset.shown = `${clip.name}/${chosen.codec}/${chosen.link}`;
  if ($("all").open) showGallery();
}

function showAbout() {
  const clip = clipNow(), codec = codecOf(chosen.codec), link = linkNow(), lane = clip.lanes[chosen.codec];
  $("caption-original").textContent = `0 to 4 kHz, below it the pitch; ${clip.seconds.toFixed(1)} s`;
  $("caption-title").textContent = codec.title + (link ? `, after ${link.title}` : "");
  const after = link && heardNow();
  $("caption-chosen").textContent = !after
    ? lane.bps == null ? "not sent" : `${rateWords(lane.bps)} bit/s`
    : `${journeyWords(after)}; needs ${rateWords(after.needed_bps)} bit/s`
      + (link.rate_bps ? ` of ${rateWords(link.rate_bps)}` : "");
  $("picture-original").setAttribute("aria-label", "Spectrogram and pitch track of the original");
  $("picture-chosen").setAttribute("aria-label",
    `Spectrogram and pitch track of ${$("caption-title").textContent}: ${scoreWords(heardNow().scores)}`);
  $("link-says").hidden = !link;
  if (link) {
    $("link-says").textContent = `${link.title}: ${link.says} Every codec puts up to ${link.k * 320} ms of speech into a frame, `
      + "as far as the link takes so long a frame, with the same header and checks.";
  }
}

function journeyWords(after) {
  if (after.lost + after.unheard >= 1) return "nothing heard in time";
  const words = [`first heard after ${after.delay_s.toFixed(1)} s`];
  if (after.lost) words.push(`${percent(after.lost)} lost`);
  if (after.damaged) words.push(`${percent(after.damaged)} damaged`);
  if (after.unheard) words.push(`${percent(after.unheard)} still on its way when patience ends`);
  return words.join(", ");
}

const scoreWords = (scores) => told.metrics.map((metric) => `${metric.title} ${number(scores[metric.key], metric.decimals)}`).join(", ");

const SLOTS = { ".": ["heard", ""], d: ["damaged", "d"], x: ["lost or late, concealed", "×"], w: ["nothing yet", "…"] };
function showStrip() {
  const after = chosen.link === NO_LINK ? null : heardNow();
  $("strip").hidden = !after;
  if (!after) return;
  $("strip").replaceChildren(...[...after.strip].map((slot, place) => element("span",
    { class: slot === "." ? "h" : slot, title: `${(place * told.packet_s).toFixed(2)} s: ${SLOTS[slot][0]}` }, SLOTS[slot][1])));
  $("strip").setAttribute("role", "img");
  $("strip").setAttribute("aria-label", `What is heard, 320 ms each: ${journeyWords(after)}`);
}

// --- the table ------------------------------------------------------------------------------------------------------

function columns() {
  const link = linkNow();
  const figures = told.metrics.map((metric) => ({
    title: metric.title, says: metric.says, of: (heard) => number(heard.scores[metric.key], metric.decimals),
  }));
  if (!link) {
    return [{ title: "bit/s", says: "what the codec itself produces for this clip", of: (_, lane) => rateWords(lane.bps), bar: true }, ...figures];
  }
  return [
    { title: "needs bit/s", says: "on this link, headers and checks counted", of: (heard) => rateWords(heard.needed_bps), no: (heard) => !heard.fits },
    { title: "heard", says: "share of the speech that was played", of: (heard) => percent(1 - heard.lost - heard.unheard), no: (heard) => heard.lost + heard.unheard > 0 },
    { title: "after s", says: "from the mouth to the first sample", of: (heard) => heard.lost + heard.unheard >= 1 ? "–" : heard.delay_s.toFixed(1) },
    ...figures,
  ];
}

function showTable() {
  const shown = columns(), clip = clipNow();
  $("codecs").tHead.replaceChildren(element("tr", {}, element("th", { scope: "col" }, "Codec"),
    ...shown.map((column) => element("th", { scope: "col", title: column.says }, column.title))));
  const codecs = told.codecs.filter((codec) => heardOf(clip, codec.key, chosen.link));
  const most = Math.max(...codecs.map((codec) => codec.key === "original" ? 0 : clip.lanes[codec.key].bps ?? 0));
  $("codecs").tBodies[0].replaceChildren(...codecs.map((codec) => {
    const lane = clip.lanes[codec.key], heard = heardOf(clip, codec.key, chosen.link);
    const pick = element("input", { type: "radio", name: "codec", value: codec.key, onchange: () => choose({ codec: codec.key }) });
    pick.checked = codec.key === chosen.codec;
    const name = element("th", { scope: "row" }, element("label", {}, pick, element("span", {}, codec.title, element("small", {}, codec.says))));
    const cells = shown.map((column) => {
      const cell = element("td", { class: column.no?.(heard) ? "number no" : "number" }, column.of(heard, lane));
      if (column.bar && lane.bps && codec.key !== "original") {
        cell.append(element("span", { class: "bar", style: `width:${((100 * lane.bps) / most).toFixed(1)}%`, "aria-hidden": "true" }));
      }
      return cell;
    });
    return element("tr", { class: OURS.includes(codec.key) ? "ours" : "" }, name, ...cells);
  }));
}

// --- all at once ----------------------------------------------------------------------------------------------------

async function showGallery() {
  const clip = clipNow(), link = chosen.link, mine = showing;
  const codecs = told.codecs.filter((codec) => heardOf(clip, codec.key, link));
  const seconds = Math.max(...(await Promise.all(codecs.map((codec) => soundOf(heardOf(clip, codec.key, link).audio)))).map((samples) => samples.length)) / RATE;
  if (mine !== showing) return;
  const tiles = codecs.map((codec) => element("button", { type: "button", onclick: () => { choose({ codec: codec.key }); play(0); } },
    element("span", {}, element("strong", {}, codec.title), clip.lanes[codec.key].bps == null ? "" : `${rateWords(clip.lanes[codec.key].bps)} bit/s`),
    element("canvas", { "aria-hidden": "true" })));
  $("gallery").replaceChildren(...tiles);
  for (const [place, codec] of codecs.entries()) {
    draw(tiles[place].querySelector("canvas"), await soundOf(heardOf(clip, codec.key, link).audio), seconds);
  }
}

// --- playing --------------------------------------------------------------------------------------------------------

// Choose something else. What is playing goes on with it, at the same moment unless the clip is another one.
function choose(changes) {
  const focus = document.activeElement?.name === "codec";
  const keepsTime = !("clip" in changes), at = deck.position, wasPlaying = deck.playing && deck.owner === "player";
  Object.assign(chosen, changes);
  if (!keepsTime) deck.stoppedAt = 0;
  show();
  if (focus) document.querySelector("input[name=codec]:checked")?.focus();
  if (wasPlaying) play(keepsTime ? at : 0);
}

async function play(at = deck.position) {
  const mine = showing;
  deck.open();
  const samples = await soundOf(heardNow().audio);
  if (mine !== showing) return;
  deck.owner = "player";
  deck.play(samples, at, 1, $("loop").checked);
  follow();
}

function follow() {
  const mine = deck.owner === "player", playing = mine && deck.playing;
  $("play").textContent = playing ? "Pause" : "Play";
  $("play").setAttribute("aria-pressed", String(playing));
  if (mine) place(deck.position);
  if (playing) requestAnimationFrame(follow);
}

function place(at) {
  const seconds = Number($("seek").max) || 1;
  $("seek").value = at;
  $("seek").setAttribute("aria-valuetext", `${at.toFixed(1)} of ${seconds.toFixed(1)} seconds`);
  $("clock").textContent = `${at.toFixed(1)} / ${seconds.toFixed(1)} s`;
  for (const head of document.querySelectorAll(".head")) head.style.left = `${Math.min(100, (100 * at) / seconds)}%`;
}

function seek(at) {
  const to = Math.max(0, Math.min(at, Number($("seek").max)));
  if (deck.playing && deck.owner === "player") play(to);
  else deck.owner = "player", (deck.stoppedAt = to), place(to);
}

function toggle() {
  if (deck.playing && deck.owner === "player") deck.stop();
  else play(deck.owner === "player" ? deck.position : 0);
}

function anotherCodec(step) {
  const keys = told.codecs.filter((codec) => heardNow(codec.key)).map((codec) => codec.key);
  choose({ codec: keys[(keys.indexOf(chosen.codec) + step + keys.length) % keys.length] });
}

function startPlayer() {
  $("clip").append(...told.clips.map((clip, place) => element("option", { value: place }, clip.name)));
  $("clip").addEventListener("change", () => choose({ clip: Number($("clip").value) }));
  const ways = [{ name: NO_LINK, title: "as coded" }, ...told.links.map((link) => ({ name: link.name, title: `after ${link.title}` }))];
  $("links").hidden = !told.links.length;
  $("links").append(...ways.map((way) => {
    const pick = element("input", { type: "radio", name: "link", value: way.name, onchange: () => choose({ link: way.name }) });
    pick.checked = way.name === NO_LINK;
    return element("label", {}, pick, way.title);
  }));
  $("play").addEventListener("click", toggle);
  $("seek").addEventListener("input", () => seek(Number($("seek").value)));
  $("loop").addEventListener("change", () => { if (deck.playing && deck.owner === "player") play(); });
  for (const canvas of [$("picture-original"), $("picture-chosen")]) {
    canvas.addEventListener("click", (event) => seek((event.offsetX / canvas.clientWidth) * Number($("seek").max)));
  }
  $("all").addEventListener("toggle", () => { if ($("all").open) showGallery(); });
  deck.onstop = () => { follow(); blindStopped(); };
  let held = null;
  document.addEventListener("keydown", (event) => {
    if (blind.running || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const steps = { ArrowUp: () => anotherCodec(-1), ArrowDown: () => anotherCodec(1), ArrowLeft: () => seek(deck.position - 0.5),
      ArrowRight: () => seek(deck.position + 0.5), " ": toggle, n: () => anotherClip(1), p: () => anotherClip(-1),
      o: () => { if (held === null && chosen.codec !== "original") { held = chosen.codec; choose({ codec: "original" }); } } };
    if (!steps[event.key] || (event.key === " " && event.target.closest?.("button, summary, a, input[type=checkbox]"))) return;
    event.preventDefault();
    if (event.key !== "o" || !event.repeat) steps[event.key]();
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== "o" || held === null) return;
    choose({ codec: held });
    held = null;
  });
}

const anotherClip = (step) => choose({ clip: (chosen.clip + step + told.clips.length) % told.clips.length });

// Tell whether keys have a meaning of their own in this element.
function typing(target) {
  return target.matches?.("select, textarea, input[type=text], input[type=range], .scroll, .packets") ?? false;
}
