// The page as a whole: its notes, its theme, and the start of everything else.

function showNotes() {
  const paragraphs = [
    `Made on ${told.made} with Gossamer ${told.program}, codec ${told.codec_id}. Clips are at 8 kHz; each codec ran once, from a `
      + "fresh start, through its real library, and its delay was taken out so that all of them line up in time.",
    "“Not quantised” is the upper limit of our vocoder: it gets the clip's own pitch and band energies, and no bit is saved. "
      + "“Classic” decodes the same packets as “neural”, without a network.",
    "Figures compare what is heard with the clip itself; after a link, at the times at which it was heard. "
      + told.metrics.map((metric) => `${metric.title}: ${metric.says}.`).join(" "),
    "The pitch track is by autocorrelation; grey is the original's.",
  ];
  if (told.links.length) {
    paragraphs.push("After a link: each codec's frames went through the program's own impairment layer and a station's play-out, in "
      + "virtual time. Each field is 320 ms: × is speech that was lost or came too late, d speech that is played with wrong bits, "
      + "… a listener who waits. What is lost is concealed by each codec's own means.");
  }
  if (told.missing.length) paragraphs.push(`Left out, and how to get it: ${told.missing.join("; ")}.`);
  if (told.runtime) paragraphs.push(`The codec runs in onnxruntime-web ${told.runtime} (Microsoft, MIT licence), on one thread, without the network.`);
  $("notes-text").append(...paragraphs.map((text) => element("p", {}, text)));
  $("foot").textContent = "Gossamer, MIT licence.";
}

function startTheme() {
  $("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let width = innerWidth, later = 0;
  addEventListener("resize", () => {
    clearTimeout(later);
    later = setTimeout(() => { if (innerWidth !== width) { width = innerWidth; redraw(); } }, 150);
  });
}

function redraw() {
  show();
  if (talk.after) draw($("talk-picture"), talk.after, talk.after.length / RATE);
}

startTheme();
startPlayer();
startBlind();
startTalk();
showNotes();
show().then(() => place(0));

// For a look at the codec, the sounds and the test from the browser's console.
window.gossamer = { told, engine, soundOf, deck, chosen, blind, chance, Resampler, talk };
