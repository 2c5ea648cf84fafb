// Spectrograms with a pitch track below them, drawn from the samples in the colours of the page's theme.

const FFT_SIZE = 256, WINDOW = 160, FLOOR_DB = -74, CEILING_DB = -8;
const PITCH_LOW_HZ = 60, PITCH_HIGH_HZ = 420, PITCH_SHARE = 0.24;
const HEAT = {
  dark: [[13, 18, 22], [30, 48, 68], [52, 104, 128], [120, 205, 190], [242, 208, 107], [255, 246, 224]],
  light: [[255, 255, 255], [222, 236, 234], [148, 198, 196], [42, 128, 130], [22, 66, 92], [18, 22, 40]],
};

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

const hann = Float32Array.from({ length: WINDOW }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / WINDOW));
const hannPower = hann.reduce((sum, value) => sum + value * value, 0);

// Transform in place, radix 2: real and imaginary parts, FFT_SIZE values each.
function fft(real, imaginary) {
  const size = real.length;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }
  for (let length = 2; length <= size; length <<= 1) {
    const half = length >> 1, angle = (-2 * Math.PI) / length;
    for (let k = 0; k < half; k++) {
      const c = Math.cos(angle * k), s = Math.sin(angle * k);
      for (let i = k; i < size; i += length) {
        const re = real[i + half] * c - imaginary[i + half] * s, im = real[i + half] * s + imaginary[i + half] * c;
        real[i + half] = real[i] - re;
        imaginary[i + half] = imaginary[i] - im;
        real[i] += re;
        imaginary[i] += im;
      }
    }
  }
}

// Return levels in dB relative to full-scale noise, Float32Array [columns * 128], column by column, of the first `seconds`.
function levels(samples, columns, seconds) {
  const bins = FFT_SIZE / 2, table = new Float32Array(columns * bins);
  const real = new Float32Array(FFT_SIZE), imaginary = new Float32Array(FFT_SIZE);
  for (let column = 0; column < columns; column++) {
    const start = Math.round(((column + 0.5) / columns) * seconds * RATE) - WINDOW / 2;
    real.fill(0);
    imaginary.fill(0);
    for (let n = 0; n < WINDOW; n++) real[n] = (samples[start + n] ?? 0) * hann[n];
    fft(real, imaginary);
    for (let bin = 0; bin < bins; bin++) {
      const power = (real[bin] ** 2 + imaginary[bin] ** 2) / hannPower;
      table[column * bins + bin] = 10 * Math.log10(power + 1e-10);
    }
  }
  return table;
}

function colours() {
  const stops = HEAT[isDark() ? "dark" : "light"], table = new Uint8ClampedArray(256 * 3);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (stops.length - 1), left = Math.min(Math.floor(place), stops.length - 2);
    for (let c = 0; c < 3; c++) table[i * 3 + c] = stops[left][c] + (place - left) * (stops[left + 1][c] - stops[left][c]);
  }
  return table;
}

// Draw the spectrogram, and below it the pitch tracks, the last one on top; without any there is no panel for them.
// pitches: [{ hz: one value every 10 ms, 0 where unvoiced, colour: a property of the style sheet, thick: in pixels }]
function draw(canvas, samples, seconds, pitches = []) {
  const scale = Math.min(2, devicePixelRatio || 1);
  const width = Math.max(1, Math.round(canvas.clientWidth * scale)), height = Math.max(1, Math.round(canvas.clientHeight * scale));
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d"), bins = FFT_SIZE / 2;
  const columns = Math.min(width, 800), table = levels(samples, columns, seconds), heat = colours();
  const image = new ImageData(columns, bins);
  for (let column = 0; column < columns; column++) {
    for (let bin = 0; bin < bins; bin++) {
      const level = (table[column * bins + bin] - FLOOR_DB) / (CEILING_DB - FLOOR_DB);
      const shade = Math.round(255 * Math.max(0, Math.min(1, level))) * 3;
      const place = ((bins - 1 - bin) * columns + column) * 4;
      image.data[place] = heat[shade];
      image.data[place + 1] = heat[shade + 1];
      image.data[place + 2] = heat[shade + 2];
      image.data[place + 3] = 255;
    }
  }
  const pitchHeight = pitches.length ? Math.round(height * PITCH_SHARE) : 0;
  const still = new OffscreenCanvas(columns, bins);
  still.getContext("2d").putImageData(image, 0, 0);
  context.drawImage(still, 0, 0, width, height - pitchHeight);
  if (pitches.length) drawPitch(context, width, height, pitchHeight, seconds, pitches, scale);
}

function drawPitch(context, width, height, pitchHeight, seconds, pitches, scale) {
  const style = getComputedStyle(document.documentElement);
  context.fillStyle = style.getPropertyValue("--card");
  context.fillRect(0, height - pitchHeight, width, pitchHeight);
  context.fillStyle = style.getPropertyValue("--line");
  context.fillRect(0, height - pitchHeight, width, scale);
  const span = Math.log2(PITCH_HIGH_HZ / PITCH_LOW_HZ), room = pitchHeight - 6 * scale;
  for (const { hz, colour, thick } of pitches) {
    context.strokeStyle = style.getPropertyValue(colour);
    context.lineWidth = thick * scale;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    let before = 0;
    hz.forEach((value, frame) => {
      if (value > 0) {
        const x = ((frame * 0.01) / seconds) * width;
        const y = height - 3 * scale - (room * Math.log2(Math.max(PITCH_LOW_HZ, value) / PITCH_LOW_HZ)) / span;
        if (before && Math.abs(Math.log2(value / before)) < 0.4) context.lineTo(x, y);
        else context.moveTo(x, y), context.lineTo(x + 0.01, y);
      }
      before = value;
    });
    context.stroke();
  }
}
