import { describe, expect, test } from "vitest";
import {
	about,
	absolute,
	binaryBytes,
	bytes,
	clock,
	count,
	counted,
	duration,
	percent,
	rate,
	relative,
	roughDuration,
	shortId,
	took,
	UNKNOWN,
	zone,
} from "./format";

/** Narrow no-break spaces as `_`, so that expectations can be read. */
const shown = (text: string) => text.replaceAll("\u202f", "_");
const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;

test.each([
	[0, "0"],
	[999, "999"],
	[1000, "1_000"],
	[48_213, "48_213"],
	[4_180_332, "4_180_332"],
	[null, "–"],
	[undefined, "–"],
	[Number.NaN, "–"],
])("a count of %s is written %s", (n, text) => expect(shown(count(n))).toBe(text));

test("what is not known is never written as 0", () => {
	for (const write of [count, rate, duration, took, bytes, binaryBytes, percent]) {
		expect(write(null)).toBe(UNKNOWN);
	}
	expect(relative(null, 0)).toBe(UNKNOWN);
	expect(about(count(null))).toBe(UNKNOWN);
});

test("a word follows its number", () => {
	expect(counted(1, "queue")).toBe("1 queue");
	expect(shown(counted(4180, "queue"))).toBe("4_180 queues");
	expect(counted(2, "entry", "entries")).toBe("2 entries");
});

test.each([
	[0, "0"],
	[0.0001, "< 1/min"],
	[34 / 60, "34/min"],
	[0.999, "1.0"],
	[1, "1.0"],
	[6.24, "6.2"],
	[9.94, "9.9"],
	[9.97, "10"],
	[118.4, "118"],
	[1640, "1_640"],
])("a rate of %s a second is written %s", (n, text) => expect(shown(rate(n))).toBe(text));

test.each([
	[0, "<_1_s"],
	[999, "<_1_s"],
	[18 * S, "18_s"],
	[7 * MIN + 19 * S, "7_min 19_s"],
	[10 * MIN + 4 * S + 900, "10_min 04_s"],
	[34 * MIN, "34_min"],
	[2 * H + 11 * MIN + 59 * S, "2_h 11_min"],
	[2 * D + 2 * H, "2_d 02_h"],
])("a duration of %s ms is written %s", (ms, text) => expect(shown(duration(ms))).toBe(text));

test("an estimated duration has one unit", () =>
	expect(shown(roughDuration(27 * MIN + 40 * S))).toBe("~27_min"));

test.each([
	[38, "38_ms"],
	[812, "0.8_s"],
	[12_000, "12_s"],
])("what took %s ms is written %s", (ms, text) => expect(shown(took(ms))).toBe(text));

describe("times", () => {
	const now = Date.parse("2026-11-20T14:32:05+01:00");

	test("are relative up to seven days, then the date", () => {
		expect(shown(relative("2026-11-20T13:18:05Z", now))).toBe("14_min ago");
		expect(shown(relative("2026-11-20T13:32:00Z", now))).toBe("5_s ago");
		expect(relative("2026-11-20T13:32:05Z", now)).toBe("now");
		expect(shown(relative("2026-11-14T13:32:05Z", now))).toBe("6_d ago");
		expect(relative("2026-11-01T12:00:00Z", now)).toBe("1 Nov 2026");
		expect(shown(relative("2026-11-20T13:46:05Z", now))).toBe("in 14_min");
	});

	test("are absolute to the millisecond, with their zone", () => {
		expect(absolute("2026-11-20T13:18:06.311Z")).toMatch(/^20 Nov 2026, 14:18:06\.311 (CET|GMT\+1)$/);
		expect(clock("2026-11-20T13:18:06.311Z")).toBe("14:18:06");
		expect(zone(now)).toMatch(/UTC\+01:00/);
	});

	test("that make no sense are unknown", () => expect(absolute("yesterday")).toBe(UNKNOWN));
});

test.each([
	[0, "0_B"],
	[588, "588_B"],
	[1200, "1.2_kB"],
	[708_000, "708_kB"],
	[999_999, "1.0_MB"],
	[16_000_000, "16_MB"],
])("%s bytes are written %s", (n, text) => expect(shown(bytes(n))).toBe(text));

test("limits that are binary are written so", () => {
	expect(shown(binaryBytes(16 * 1024 * 1024))).toBe("16_MiB");
	expect(shown(binaryBytes(1536))).toBe("1.5_KiB");
});

test("a part of a whole is a percentage", () => expect(shown(percent(0.97))).toBe("97_%"));

test("an id is cut in its middle, unless it is short", () => {
	expect(shortId("c3f0aaaa-bbbb-cccc-dddd-eeeeeeeea114")).toBe("c3f0…a114");
	expect(shortId("order-4711")).toBe("order-4711");
});
