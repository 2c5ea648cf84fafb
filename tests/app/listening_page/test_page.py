"""The listening page in headless Chromium: it plays, switches, scores, exports, and runs the codec itself.

Needs Debian's chromium and chromium-driver, and onnxruntime-web from npm; `make test` sets up both.
"""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from app.__main__ import main
from app.audio.sound_files import read_speech
from codec import format
from codec.decoder import Decoder
from codec.encoder import Encoder
from codec.models import asset_path
from tests.support.signals import encode_all
from vocoder.synthesizer import Vocoder

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[3]
RUNTIME = ROOT / "build" / "npm" / "node_modules" / "onnxruntime-web"
PATIENCE_S = 90.0
"""A busy machine takes long to unpack 40 MB."""
INTO_VIEW = "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})"
AWAITED = "const given = [...arguments], done = given.pop(); (async () => { %s })().then(done, (e) => done('' + e))"
LOUDNESS = """
    const samples = gossamer.talk[arguments[0]];
    return Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);"""
ROLES = ("button", "slider", "combobox", "checkbox", "radio", "link", "region", "log")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser with the page open, made of two sentences, a link and the codec; its folder is where it saves to."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install chromium chromium-driver")
    if not RUNTIME.is_dir():
        pytest.skip("onnxruntime-web is not there: make browser-runtime")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    folder = tmp_path_factory.mktemp("page")
    clips = [str(asset_path("sentences") / f"{name}.flac") for name in ("child", "hafen")]
    options = ["--out", str(folder / "page.html"), "--link", "hc-12", "--browser", str(RUNTIME)]
    assert 0 == main(["compare", *clips, *options])
    microphone = folder / "microphone.wav"
    soundfile.write(microphone, soxr.resample(read_speech(clips[0]), 8000, 48000), 48000, subtype="PCM_16")
    chrome = webdriver.ChromeOptions()
    chrome.binary_location = str(shutil.which("chromium"))
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1200,900",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
    ):
        chrome.add_argument(argument)
    chrome.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    chrome.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=chrome, service=Service(str(shutil.which("chromedriver"))))
    try:
        driver.set_script_timeout(PATIENCE_S)
        driver.get((folder / "page.html").as_uri())
        driver.folder = folder  # type: ignore[attr-defined]
        until(lambda: shown(driver) == "child/neural/")
        yield driver
    finally:
        driver.quit()


def until(condition: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """What the condition gives as soon as it is true."""
    end = time.monotonic() + patience_s
    while not (found := condition()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)
    return found


def shown(page: Any) -> str:
    """clip/codec/link of the pictures that are drawn."""
    return str(page.execute_script("return document.getElementById('pictures').dataset.shown"))


def click(page: Any, selector: str) -> None:
    from selenium.webdriver.common.by import By

    found = page.find_element(By.CSS_SELECTOR, selector)
    page.execute_script(INTO_VIEW, found)
    found.click()


def press(page: Any, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    for key in keys:
        ActionChains(page).send_keys(key).perform()


def awaited(page: Any, body: str, *arguments: Any) -> Any:
    """The value of an async function's body in the page. `given` are the arguments."""
    return page.execute_async_script(AWAITED % body, *arguments)


def text(page: Any, name: str) -> str:
    return str(page.execute_script("return document.getElementById(arguments[0]).textContent", name))


def test_it_plays_and_switches_at_the_same_moment(page: Any) -> None:
    """What sounds is the codec's own sound, and another codec, or the link, goes on where the first one was."""
    position = "return gossamer.deck.position"
    click(page, "#loop")
    click(page, "#play")
    until(lambda: page.execute_script(position) > 0.2)
    assert "Pause" == text(page, "play")
    before = page.execute_script(position)
    click(page, "input[name=codec][value=classic]")
    until(lambda: shown(page) == "child/classic/")
    until(
        lambda: page.execute_script(
            "return gossamer.soundOf(gossamer.told.clips[0].lanes.classic.audio).then((wanted) => gossamer.deck.playing"
            " && gossamer.deck.startedAt >= arguments[0] && gossamer.deck.source.buffer.getChannelData(0)"
            ".every((value, i) => value === wanted[i]))",
            before,
        )
    )
    assert page.execute_script("return gossamer.deck.context.state") == "running"
    click(page, "label:has(input[name=link][value='hc-12'])")
    until(lambda: shown(page) == "child/classic/hc-12")
    assert "damaged" in text(page, "caption-chosen")
    click(page, "label:has(input[name=link][value=''])")
    until(lambda: shown(page) == "child/classic/")
    click(page, "#play")
    assert "Play" == text(page, "play")


def test_keys_move_between_codecs_and_clips(page: Any) -> None:
    """Arrows, n and space, without a mouse; the choice is what the radio buttons say."""
    from selenium.webdriver.common.keys import Keys

    page.execute_script("document.activeElement.blur()")
    before = page.execute_script("return gossamer.chosen.codec")
    press(page, Keys.ARROW_DOWN)
    after = page.execute_script("return document.querySelector('input[name=codec]:checked').value")
    assert before != after == page.execute_script("return gossamer.chosen.codec")
    press(page, "n")
    until(lambda: shown(page).startswith("hafen/"))
    press(page, " ")
    until(lambda: page.execute_script("return gossamer.deck.playing"))
    press(page, " ")
    until(lambda: not page.execute_script("return gossamer.deck.playing"))


def test_the_page_decodes_the_samples_that_were_written(page: Any) -> None:
    """The original of the page is the clip, to half a step of 16 bits: Chromium divides by 32767 above zero."""
    found = awaited(page, "return [...await gossamer.soundOf(gossamer.told.clips[0].lanes.original.audio)]")
    np.testing.assert_allclose(read_speech(asset_path("sentences") / "child.flac"), np.array(found), atol=1 / 32768)


@pytest.mark.parametrize(("right", "count", "chance"), [(5, 5, 1 / 32), (4, 5, 6 / 32), (8, 10, 56 / 1024), (0, 7, 1)])
def test_the_chance_of_guessing(page: Any, right: int, count: int, chance: float) -> None:
    """The upper tail of the binomial at one half."""
    assert chance == pytest.approx(page.execute_script("return gossamer.chance(...arguments)", right, count))


def test_a_blind_test_by_keyboard_is_scored_and_saved(page: Any) -> None:
    """Four of five right: p = 6/32, a row a trial with what X was, and nothing on the screen says what X is."""
    from selenium.webdriver.support.ui import Select

    Select(page.find_element("id", "blind-count")).select_by_visible_text("5")
    Select(page.find_element("id", "blind-b")).select_by_value("classic")
    click(page, "#blind-start")
    truth = page.execute_script("return gossamer.blind.trials.map((trial) => trial.x)")
    for number, x in enumerate(truth):
        assert f"Trial {number + 1} of 5" == text(page, "blind-where")
        press(page, "x")
        until(lambda: page.execute_script("return gossamer.deck.playing && gossamer.deck.owner === 'blind'"))
        press(page, "1" if (x == "a") != (number == 2) else "2")
    assert "4 of 5 right, p = 0.188" in text(page, "blind-result")
    click(page, "#blind-csv")
    saved = page.folder / "gossamer-abx.csv"
    until(saved.exists)
    rows = list(csv.DictReader(saved.open(newline="")))
    assert [{"a": "neural", "b": "classic"}[x] for x in truth] == [row["x"] for row in rows]
    assert ["1", "1", "0", "1", "1"] == [row["correct"] for row in rows]
    assert {("neural", "classic", "1")} == {(row["a"], row["b"], row["plays_x"]) for row in rows}
    assert 6 / 32 == pytest.approx(float(rows[-1]["p_value_so_far"]))


def test_the_graphs_compute_in_the_browser_what_they_compute_here(page: Any) -> None:
    """On the same packets features and samples within 1e-3, a lost packet among them; 99.5 % of the encoder's bits."""
    samples = read_speech(asset_path("sentences") / "hafen.flac")
    blocks = np.pad(samples, (0, -len(samples) % format.PACKET_SAMPLES)).reshape(-1, format.PACKET_SAMPLES)
    encoder, decoder, vocoder = Encoder(), Decoder(), Vocoder()
    packets: list[bytes | None] = [encoder.encode(block) for block in blocks]
    told = awaited(
        page,
        """
        const engine = await gossamer.engine(), made = [];
        await engine.ask("reset");
        for (const block of given[0]) {
          made.push([...(await engine.ask("encode", { samples: Float32Array.from(block) })).packet]);
        }
        const heard = [];
        for (const packet of given[1]) {
          const { features, samples } = await engine.ask("decode", { packet: packet && Uint8Array.from(packet) });
          heard.push([[...features], [...samples]]);
        }
        return { made, heard };""",
        blocks.tolist(),
        [list(packet or b"") if place != 4 else None for place, packet in enumerate(packets)],
    )
    assert isinstance(told, dict), told
    mine = np.unpackbits(np.frombuffer(b"".join(packet or b"" for packet in packets), np.uint8))
    theirs = np.unpackbits(np.array(told["made"], np.uint8).reshape(-1))
    assert np.mean(mine == theirs) >= 0.995
    packets[4] = None
    for packet, (features, sound) in zip(packets, told["heard"], strict=True):
        table = decoder.decode(packet)
        np.testing.assert_allclose(table, np.array(features).reshape(table.shape), atol=1e-3)
        np.testing.assert_allclose(vocoder.synthesize(table), np.array(sound), atol=1e-3)


def test_a_file_becomes_packets(page: Any) -> None:
    """The packets are those of `gossamer encode`, are shown in hexadecimal, and are saved as a .g800 file."""
    clip = asset_path("sentences") / "child.flac"
    page.find_element("id", "talk-file").send_keys(str(clip))
    until(lambda: "bytes" in text(page, "talk-state"))
    expected = encode_all(read_speech(clip), Encoder())
    click(page, "#talk-save")
    saved = page.folder / "voice.g800"
    until(saved.exists)
    content = until(saved.read_bytes)
    assert len(expected) == len(content)
    bits = [np.unpackbits(np.frombuffer(octets, np.uint8)) for octets in (expected, content)]
    assert np.mean(bits[0] == bits[1]) >= 0.995
    first = page.execute_script("return document.querySelector('#packets span').textContent")
    assert content[:32].hex() == first
    assert not page.execute_script("return gossamer.talk.after.every((value) => Math.abs(value) < 0.01)")


def test_a_file_that_is_no_sound_is_said(page: Any, tmp_path: Path) -> None:
    """In words, and the page goes on."""
    (tmp_path / "letter.wav").write_text("Dear all")
    page.find_element("id", "talk-file").send_keys(str(tmp_path / "letter.wav"))
    until(lambda: "letter.wav is no sound" in text(page, "talk-state"))


def test_the_microphone_is_heard_at_800_bits(page: Any) -> None:
    """Held for a while, let go: packets of what was said, at its level."""
    from selenium.webdriver import ActionChains

    button = page.find_element("id", "talk-hold")
    page.execute_script(INTO_VIEW, button)
    ActionChains(page).click_and_hold(button).perform()
    until(lambda: page.execute_script("return document.querySelectorAll('#packets p').length") >= 5)
    ActionChains(page).release(button).perform()
    until(lambda: "bytes" in text(page, "talk-state"))
    before, after = (page.execute_script(LOUDNESS, which) for which in ("before", "after"))
    assert before > 0.01
    assert 0.4 < after / before < 2.5


@pytest.mark.parametrize("rate", [44100, 48000, 16000])
def test_a_microphones_rate_becomes_ours(page: Any, rate: int) -> None:
    """What lies in our band comes through, what lies above does not fold into it, in blocks of any size."""
    times = np.arange(rate) / rate
    for hz, expected in ((1000, 0.5 / np.sqrt(2)), (6000, 0.0)):
        found = awaited(
            page,
            """
            const resampler = new gossamer.Resampler(given[1]), all = [];
            for (let at = 0; at < given[0].length; at += 1000) {
              all.push(...resampler.push(Float32Array.from(given[0].slice(at, at + 1000))));
            }
            return all;""",
            (0.5 * np.sin(2 * np.pi * hz * times)).round(6).tolist(),
            rate,
        )
        assert 7900 < len(found) <= 8000
        assert expected == pytest.approx(float(np.std(found[400:-400])), abs=0.004)


def test_everything_has_a_name_and_fits_a_phone_dark_and_light(page: Any) -> None:
    """Every control is named for those who cannot see it; nothing is wider than a phone; two themes."""
    nodes = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    controls = [node for node in nodes if node.get("role", {}).get("value") in ROLES and not node.get("ignored")]
    assert len(controls) > 30
    assert [] == [node["role"]["value"] for node in controls if not node.get("name", {}).get("value")]
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert 360 == page.execute_script("return document.documentElement.scrollWidth")
    papers = set()
    for scheme in ("dark", "light"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        papers.add(page.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert 2 == len(papers)
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_nothing_was_fetched_and_nothing_complained(page: Any) -> None:
    """After all of the above: no request left the page, and its console is empty."""
    urls = []
    for entry in page.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            urls.append(message["params"]["request"]["url"])
    assert any(url.endswith("/page.html") for url in urls)
    assert [] == [url for url in urls if not url.startswith(("file:///", "data:", "blob:"))]
    complaints = [entry["message"] for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    # A file that a driver hands over is no gesture of a person, so Chromium keeps its sound back until the next click.
    assert [] == [complaint for complaint in complaints if "AudioContext was not allowed to start" not in complaint]
