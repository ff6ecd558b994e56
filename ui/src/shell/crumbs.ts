import type { JobView, Profile } from "../ipc/port";
import { type At, placeOf } from "./navigation.svelte";
import { PLACES } from "./places";

export interface Crumb {
	label: string;
	to?: At;
	/** An identifier. */
	mono?: boolean;
}

/** The way to where the window is; the last one is where it is. */
export function crumbsOf(at: At, profile: Profile | undefined, job?: JobView): Crumb[] {
	if (at.kind === "welcome") return [{ label: "Welcome" }];
	if (at.kind === "editor") {
		return [
			{ label: "Connections", to: { kind: "welcome" } },
			{ label: at.profile === null ? "New" : (profile?.name ?? "") },
		];
	}
	if (at.kind === "settings") return [{ label: "Settings" }, { label: "Data on this computer" }];
	const place = placeOf(at) ?? "queues";
	const label = PLACES.find((one) => one.place === place)?.label ?? "";
	const up: At = { kind: "place", profile: at.profile, place };
	const way: Crumb[] = [
		{ label: profile?.name ?? "", to: { ...up, place: "queues" } },
		{ label, to: up },
	];
	switch (at.kind) {
		case "queue":
			return [...way, { label: at.queue, mono: true }];
		case "exchange":
			return [...way, { label: at.exchange || "(default exchange)", mono: true }];
		case "job":
			return job ? [...way, { label: `Job ${job.number}` }] : way;
		case "draft":
			return [...way, { label: "Draft" }];
		case "capture":
			return [...way, { label: "Messages" }];
		default:
			return way;
	}
}
