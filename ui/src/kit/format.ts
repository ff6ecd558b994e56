// How numbers, times and sizes are written. Unknown is never written as 0.

const GROUP = "\u202f";
/** Between a number and its unit: narrow, and never broken. */
const UNIT = "\u202f";
export const UNKNOWN = "–";
export const NOT_APPLICABLE = "n/a";

export type Maybe = number | null | undefined;

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const known = (n: Maybe): n is number => n !== null && n !== undefined && Number.isFinite(n);

/** `4 180 332`, in groups of three from four digits. */
export function count(n: Maybe): string {
	if (!known(n)) return UNKNOWN;
	return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, GROUP);
}

/** `1 queue`, `48 queues`. */
export function counted(n: Maybe, one: string, many = `${one}s`): string {
	return `${count(n)} ${n === 1 ? one : many}`;
}

/** `~118`: reported as an estimate. */
export function about(text: string): string {
	return text === UNKNOWN ? text : `~${text}`;
}

/** Per second: `6.2`, `118`; per minute below one a second: `34/min`. */
export function rate(perSecond: Maybe): string {
	if (!known(perSecond)) return UNKNOWN;
	if (perSecond === 0) return "0";
	if (perSecond < 1) {
		const perMinute = perSecond * 60;
		if (perMinute < 0.5) return "< 1/min";
		// 59.7 a minute is one a second.
		return perMinute < 59.5 ? `${Math.round(perMinute)}/min` : "1.0";
	}
	return perSecond < 9.95 ? perSecond.toFixed(1) : count(perSecond);
}

/** The two largest units, the second with a leading zero: `7 min 19 s`, `2 d 02 h`, `< 1 s`. */
export function duration(ms: Maybe): string {
	if (!known(ms)) return UNKNOWN;
	if (ms < SECOND_MS) return `<${UNIT}1${UNIT}s`;
	const units: [string, number][] = [
		["d", DAY_MS],
		["h", HOUR_MS],
		["min", MINUTE_MS],
		["s", SECOND_MS],
	];
	const first = units.findIndex(([, unit]) => ms >= unit);
	const [largest, smaller] = [units[first], units[first + 1]];
	if (!largest) return UNKNOWN;
	const head = `${Math.floor(ms / largest[1])}${UNIT}${largest[0]}`;
	if (!smaller) return head;
	const rest = Math.floor((ms % largest[1]) / smaller[1]);
	return rest === 0 ? head : `${head} ${String(rest).padStart(2, "0")}${UNIT}${smaller[0]}`;
}

/** One unit only, for estimates: `~27 min`. */
export function roughDuration(ms: Maybe): string {
	return about(duration(ms).split(" ")[0] ?? UNKNOWN);
}

/** Short spans as measured: `38 ms`, `0.8 s`. */
export function took(ms: Maybe): string {
	if (!known(ms)) return UNKNOWN;
	if (ms < 100) return `${Math.round(ms)}${UNIT}ms`;
	return ms < 10 * SECOND_MS ? `${(ms / SECOND_MS).toFixed(1)}${UNIT}s` : duration(ms);
}

/** Relative up to seven days, then the date: `14 min ago`, `20 Nov 2026`. */
export function relative(at: string | null | undefined, nowMs: number): string {
	const ms = parse(at);
	if (ms === null) return UNKNOWN;
	const ago = nowMs - ms;
	const span = Math.abs(ago);
	if (span >= 7 * DAY_MS) return date(ms);
	if (span < SECOND_MS) return "now";
	const words = duration(span).split(" ")[0];
	return ago >= 0 ? `${words} ago` : `in ${words}`;
}

/** `20 Nov 2026, 14:18:06.311 CET` */
export function absolute(at: string | null | undefined): string {
	const ms = parse(at);
	if (ms === null) return UNKNOWN;
	const fraction = String(new Date(ms).getMilliseconds()).padStart(3, "0");
	return `${date(ms)}, ${clockOf(ms)}.${fraction} ${zoneName(ms)}`;
}

/** `20 Nov 2026` */
export function day(at: string | null | undefined): string {
	const ms = parse(at);
	return ms === null ? UNKNOWN : date(ms);
}

/** `14:18:06` */
export function clock(at: string | null | undefined): string {
	const ms = parse(at);
	return ms === null ? UNKNOWN : clockOf(ms);
}

/** `CET (UTC+01:00)`, for the status bar. */
export function zone(nowMs: number): string {
	const minutes = -new Date(nowMs).getTimezoneOffset();
	const sign = minutes < 0 ? "−" : "+";
	const two = (n: number) => String(Math.floor(n)).padStart(2, "0");
	const offset = `UTC${sign}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
	const name = zoneName(nowMs);
	return name.startsWith("UTC") || name.startsWith("GMT") ? offset : `${name} (${offset})`;
}

/** SI sizes: `588 B`, `1.2 kB`, `708 kB`. */
export function bytes(n: Maybe): string {
	return scaled(n, 1000, ["B", "kB", "MB", "GB", "TB"]);
}

/** Sizes of limits that are binary: `16 MiB`. */
export function binaryBytes(n: Maybe): string {
	return scaled(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
}

/** `97 %` of a part between 0 and 1. */
export function percent(part: Maybe): string {
	return known(part) ? `${Math.round(part * 100)}${UNIT}%` : UNKNOWN;
}

/** First and last four: `c3f0…a114`. What is short stays whole. */
export function shortId(id: string): string {
	return id.length > 12 ? `${id.slice(0, 4)}…${id.slice(-4)}` : id;
}

function scaled(n: Maybe, step: number, units: string[]): string {
	if (!known(n)) return UNKNOWN;
	let value = n;
	let unit = 0;
	// 999 999 B is 1.0 MB, not 1 000 kB.
	while (unit < units.length - 1 && Math.round(value) >= step) {
		value /= step;
		unit += 1;
	}
	const text = unit > 0 && value < 9.95 && !Number.isInteger(value) ? value.toFixed(1) : count(value);
	return `${text}${UNIT}${units[unit]}`;
}

function parse(at: string | null | undefined): number | null {
	if (!at) return null;
	const ms = Date.parse(at);
	return Number.isNaN(ms) ? null : ms;
}

function date(ms: number): string {
	const day = new Date(ms);
	return `${day.getDate()} ${MONTHS[day.getMonth()]} ${day.getFullYear()}`;
}

function clockOf(ms: number): string {
	const day = new Date(ms);
	return [day.getHours(), day.getMinutes(), day.getSeconds()]
		.map((n) => String(n).padStart(2, "0"))
		.join(":");
}

function zoneName(ms: number): string {
	const parts = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" }).formatToParts(ms);
	return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
}
