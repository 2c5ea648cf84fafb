// The page as a whole: theme, notes, and everything started.

function showNotes() {
  const paragraphs = [
    `Made on ${told.made} with Gossamer ${told.program}, codec ${told.codec_id}. Clips are at 8 kHz; each codec ran once, from a `
      + "fresh start, through its real library, and its delay was taken out so that all lie on the same time.",
    "“Not quantised” is the ceiling of our vocoder: it gets the clip's own pitch and band energies, and no bit is saved. "
      + "“Classic” hears the same packets as “neural”, without a network.",
    "Figures compare with the clip itself, after a link in the time in which it was heard. "
      + told.metrics.map((metric) => `${metric.title}: ${metric.says}.`).join(" "),
    "The pitch track is by autocorrelation; grey is the original's.",
  ];
  if (told.links.length) {
    paragraphs.push("After a link: frames go through the program's own impairment layer and play-out in virtual time. × is a packet "
      + "that was lost or came too late, d a damaged one that is played all the same, … a listener who waits. "
      + "A lost packet is concealed by each codec's own means.");
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

// For those who want to look at it from the console: the codec, the sounds, the test.
window.gossamer = { told, engine, soundOf, deck, chosen, blind, chance, Resampler, talk };
