import type {
	CaptureSource,
	CaptureView,
	Dropped,
	Follow,
	ImportProgress,
	KeepLimits,
	Port,
	SearchHit,
	SearchStep,
} from "../port";
import { fail, type World } from "./world";

const AROUND = 60;
const FOUND_MAX = 500;
const UNNAMED: CaptureSource[] = ["peek", "carefulLook", "take", "job", "import"];

/** Captures beyond one connection: searched, imported, kept within limits. */
export function snapshotCalls(world: World) {
	const unnamed = () => {
		const all = [...world.captures.values()].map(({ view }) => view);
		return all.filter((view) => view.name === null && view.heldBy === null && UNNAMED.includes(view.source));
	};
	const sum = (views: CaptureView[]) => views.reduce((bytes, view) => bytes + view.bytes, 0);
	const beyond = (limits: KeepLimits): CaptureView[] => {
		const left = unnamed();
		const gone: CaptureView[] = [];
		while (sum(left) > limits.bytes) gone.push(...left.splice(0, 1));
		return gone;
	};
	const dropped = (views: CaptureView[]): Dropped => ({
		captures: views.length,
		messages: views.reduce((n, view) => n + view.messages, 0),
		bytes: sum(views),
	});
	return {
		searchCaptures: async ({ profile, text }, follow: Follow<SearchStep> = {}) => {
			if (text.trim() === "") fail("invalid", "a text to look for has 1 to 200 characters");
			const all = [...world.captures.values()].filter(
				({ view }) => profile === null || view.profile === profile,
			);
			const of = all.reduce((n, { messages }) => n + messages.length, 0);
			let [searched, found] = [0, 0];
			for (const { view, messages } of all.toReversed()) {
				const hits: SearchHit[] = [];
				for (const { row, body } of messages) {
					const words = new TextDecoder().decode(body);
					const at = words.toLowerCase().indexOf(text.toLowerCase());
					if (at < 0 || found === FOUND_MAX) continue;
					found += 1;
					hits.push({
						capture: view.id,
						row,
						before: words.slice(Math.max(0, at - AROUND), at),
						found: words.slice(at, at + text.length),
						after: words.slice(at + text.length, at + text.length + AROUND),
					});
				}
				searched += messages.length;
				follow.onprogress?.({ hits, searched, of });
				if (follow.signal?.aborted) fail("cancelled", "stopped on request");
			}
			return { searched, of, found, cut: found === FOUND_MAX, unread: [] };
		},
		importCapture: async (path, name, profile, follow: Follow<ImportProgress> = {}) => {
			if (!path.endsWith(".jsonl"))
				fail("invalid", `line 1 of \`${path}\` is no exported message: it is not a JSON object`);
			const of =
				[...world.profiles.values()].find(({ id }) => id === profile) ?? [...world.profiles.values()][0];
			if (!of) fail("notFound", "there is no profile");
			follow.onprogress?.({ messages: 12, bytes: 4000, bytesTotal: 4000 });
			return world.addCapture(of, "orders.payments.dlq", 12, {
				name,
				source: "import",
				outcome: `imported from \`${path}\``,
				kept: { kind: "always" },
			}).view;
		},
		listAtRest: async () =>
			[...world.profiles.keys()].map((profile) => ({
				profile,
				atRest: world.atRest.get(profile) ?? "plain",
			})),
		setAtRest: async (profile, atRest) => {
			world.atRest.set(profile, atRest);
			return null;
		},
		keepLimits: async () => ({ limits: world.limits, bytesUsed: sum(unnamed()) }),
		wouldDrop: async (limits) => {
			if (limits.days < 1) fail("invalid", "copies are kept for 1 to 3650 days");
			return dropped(beyond(limits));
		},
		setKeepLimits: async (limits) => {
			const gone = beyond(limits);
			for (const view of gone) world.captures.delete(view.id);
			world.limits = limits;
			world.tell({ kind: "capturesChanged" });
			return dropped(gone);
		},
	} satisfies Partial<Port>;
}
