const TITLES: Record<string, string> = {
	destroys: "Looking here could destroy messages",
	dropHead: "Looking here could make the broker drop messages",
	singleActive: "Looking here would get in the way of the active consumer",
	typeUnknown: "What looking costs here cannot be known",
	noWrite: "What is taken here could not be put back",
	delayedRetry: "Looking here would delay messages",
};

export function refusalTitle(code: string): string {
	return TITLES[code] ?? "Looking is refused for this queue";
}

/** Whether giving back can destroy: one moment of risk stays in every way but the first. */
export const destroys = (code: string): boolean => code === "destroys";
