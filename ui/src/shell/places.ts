import Camera from "@lucide/svelte/icons/camera";
import History from "@lucide/svelte/icons/history";
import ListChecks from "@lucide/svelte/icons/list-checks";
import MailX from "@lucide/svelte/icons/mail-x";
import Rows3 from "@lucide/svelte/icons/rows-3";
import Split from "@lucide/svelte/icons/split";
import type { Component } from "svelte";
import type { ConnectionView } from "../ipc/port";
import type { Jobs } from "./jobs.svelte";
import type { Place } from "./navigation.svelte";

interface PlaceInfo {
	place: Place;
	label: string;
	key: string;
	icon: Component<{ size?: number }>;
	/** How many there are, where the connection tells. */
	count: (view: ConnectionView | undefined) => number | null;
	/** What is to be said instead of a number. */
	note?: (jobs: Jobs, profile: string) => string | null;
	/** A broker that has none of these does not show the place. */
	shown: (view: ConnectionView | undefined) => boolean;
}

export const PLACES: PlaceInfo[] = [
	{
		place: "deadLetters",
		label: "Dead letters",
		key: "D",
		icon: MailX,
		count: (view) => view?.deadLetters ?? null,
		shown: () => true,
	},
	{
		place: "queues",
		label: "Queues",
		key: "Q",
		icon: Rows3,
		count: (view) => view?.queues ?? null,
		shown: () => true,
	},
	{
		place: "exchanges",
		label: "Exchanges",
		key: "X",
		icon: Split,
		count: (view) => view?.exchanges ?? null,
		shown: (view) => view?.exchanges !== 0,
	},
	{
		place: "jobs",
		label: "Jobs",
		key: "J",
		icon: ListChecks,
		count: () => null,
		note: (jobs, profile) => jobs.note(profile),
		shown: () => true,
	},
	{ place: "snapshots", label: "Snapshots", key: "S", icon: Camera, count: () => null, shown: () => true },
	{ place: "activity", label: "Activity", key: "A", icon: History, count: () => null, shown: () => true },
];
