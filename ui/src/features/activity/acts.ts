import Bookmark from "@lucide/svelte/icons/bookmark";
import Camera from "@lucide/svelte/icons/camera";
import CircleHelp from "@lucide/svelte/icons/circle-question-mark";
import Copy from "@lucide/svelte/icons/copy";
import CornerUpRight from "@lucide/svelte/icons/corner-up-right";
import Download from "@lucide/svelte/icons/download";
import Eye from "@lucide/svelte/icons/eye";
import EyeOff from "@lucide/svelte/icons/eye-off";
import Lock from "@lucide/svelte/icons/lock";
import LockOpen from "@lucide/svelte/icons/lock-open";
import Plug from "@lucide/svelte/icons/plug";
import Send from "@lucide/svelte/icons/send";
import ShieldCheck from "@lucide/svelte/icons/shield-check";
import ShieldOff from "@lucide/svelte/icons/shield-off";
import Trash from "@lucide/svelte/icons/trash-2";
import Undo from "@lucide/svelte/icons/undo-2";
import Upload from "@lucide/svelte/icons/upload";
import type { Component } from "svelte";
import type { Act, Outcome } from "../../ipc/port";

interface ActInfo {
	label: string;
	icon: Component<{ size?: number }>;
	/** What it removed can be put back from the copies here, while they are kept. */
	undoes?: boolean;
	/** Why it cannot be undone, where somebody could expect it. */
	noUndo?: string;
}

const SENT =
	"What was sent cannot be called back: a consumer may have it. The copies can be sent again while they are kept.";

export const ACTS: Record<Act, ActInfo> = {
	openConnection: { label: "Connect", icon: Plug },
	turnWritesOn: { label: "Turn writes on", icon: LockOpen },
	turnWritesOff: { label: "Turn writes off", icon: Lock },
	peek: { label: "Peek", icon: Eye },
	lookRefused: { label: "Look refused", icon: EyeOff },
	carefulLook: { label: "Careful look", icon: Eye },
	take: { label: "Take", icon: Camera, undoes: true },
	redrive: { label: "Redrive", icon: CornerUpRight, noUndo: SENT },
	move: { label: "Move", icon: CornerUpRight, undoes: true },
	copy: { label: "Copy", icon: Copy },
	replay: { label: "Replay", icon: CornerUpRight },
	discard: { label: "Discard", icon: Trash, undoes: true },
	purge: { label: "Purge", icon: Trash, noUndo: "No copy was made: what was purged cannot be put back." },
	undo: { label: "Undo", icon: Undo },
	sendCopy: { label: "Send copies", icon: CornerUpRight },
	discardCopies: { label: "Discard copies", icon: Trash },
	keepSnapshot: { label: "Keep a snapshot", icon: Bookmark },
	removeCapture: { label: "Remove a capture", icon: Trash },
	export: { label: "Export", icon: Download },
	import: { label: "Import", icon: Upload },
	publish: { label: "Publish", icon: Send },
	makeLookSafe: { label: "Make looking safe", icon: ShieldCheck },
	takeBackLookSafe: { label: "Take that back", icon: ShieldOff },
	answer: { label: "Answer", icon: CircleHelp },
};

export const OUTCOMES: Record<Outcome, string> = {
	running: "Running",
	done: "Done",
	partly: "Partly done",
	refused: "Refused",
	failed: "Failed",
	inDoubt: "Needs an answer",
};

const DAY_MS = 24 * 60 * 60 * 1000;
const MONTHS = [
	"January",
	"February",
	"March",
	"April",
	"May",
	"June",
	"July",
	"August",
	"September",
	"October",
	"November",
	"December",
];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** The day as a group's title: "Today, 20 November", "Tuesday, 17 November". */
export function dayTitle(at: string, nowMs: number): string {
	const day = new Date(at);
	const date = `${day.getDate()} ${MONTHS[day.getMonth()]}`;
	if (dayOf(day) === dayOf(new Date(nowMs))) return `Today, ${date}`;
	if (dayOf(day) === dayOf(new Date(nowMs - DAY_MS))) return `Yesterday, ${date}`;
	const year = day.getFullYear() === new Date(nowMs).getFullYear() ? "" : ` ${day.getFullYear()}`;
	return `${DAYS[day.getDay()]}, ${date}${year}`;
}

/** The same for two times of one day, here. */
export const dayOf = (day: Date): string => `${day.getFullYear()}-${day.getMonth()}-${day.getDate()}`;
