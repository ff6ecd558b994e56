import { createContext } from "svelte";
import type {
	AppEvent,
	CaptureView,
	CheckStep,
	commands,
	Exported,
	ExportFormat,
	FailureGroups,
	GroupAsk,
	ImportProgress,
	LookCost,
	PeekEnd,
	PeekProgress,
	ProfileDraft,
	ProfileId,
	QueueName,
	SearchAsk,
	SearchEnd,
	SearchStep,
	ViewId,
} from "./generated/bindings";

export type * from "./generated/bindings";

type Commands = typeof commands;

/** Calls that report while they run take a listener here, not a channel; a signal cancels them. */
type Reporting =
	| "watchApp"
	| "cancelTask"
	| "checkConnection"
	| "peekQueue"
	| "exportView"
	| "groupFailures"
	| "searchCaptures"
	| "importCapture";

/** How a long call is followed and stopped. */
export interface Follow<Progress = PeekProgress> {
	onprogress?: (progress: Progress) => void;
	/** Asks it to stop; the call then ends in its own way. */
	signal?: AbortSignal;
}

/** Everything that the window can ask of the Rust behind it: every command by its own name. A call that fails throws an
 * `IpcError`. */
export interface Port extends Omit<Commands, Reporting> {
	/** Tells of changes for as long as the window lives. */
	watchApp(onevent: (event: AppEvent) => void): Promise<void>;
	/** Tries each step of connecting; the same name comes again when its outcome is known. */
	checkConnection(
		draft: ProfileDraft,
		secret: string | null,
		onstep: (step: CheckStep) => void,
	): Promise<void>;
	/** Reads the first `n` messages into a capture and puts them back. */
	peekQueue(
		profile: ProfileId,
		queue: QueueName,
		n: number,
		accepted: LookCost | null,
		follow?: Follow,
	): Promise<PeekEnd>;
	/** Writes messages of a view to a new file; `numbers` `null`: all of them. */
	exportView(
		view: ViewId,
		numbers: number[] | null,
		format: ExportFormat,
		path: string,
		follow?: Follow,
	): Promise<Exported>;
	/** Looks for a text in the messages of all captures; what is found is told with the progress. */
	searchCaptures(ask: SearchAsk, follow?: Follow<SearchStep>): Promise<SearchEnd>;
	/** Reads an exported file into a new snapshot, the whole file or nothing of it. */
	importCapture(
		path: string,
		name: string,
		profile: ProfileId | null,
		follow?: Follow<ImportProgress>,
	): Promise<CaptureView>;
	/** Groups the messages of captures; the result is kept at hand until it is closed. */
	groupFailures(ask: GroupAsk, follow?: Follow): Promise<FailureGroups>;
}

export const [usePort, providePort] = createContext<Port>();
