// Writes down what no user sees and no window should have: errors in the console, broken content rules, missing fonts.

const trouble = [];
window.queuescopeTrouble = trouble;
for (const level of ["error", "warn"]) {
	const say = console[level];
	console[level] = (...words) => {
		trouble.push(`console.${level}: ${words.map(String).join(" ")}`);
		say.apply(console, words);
	};
}
addEventListener("error", (event) => trouble.push(`error: ${event.message ?? event.target?.src}`), true);
addEventListener("unhandledrejection", (event) => trouble.push(`unhandled: ${event.reason}`));
document.addEventListener("securitypolicyviolation", (event) => {
	trouble.push(`content rule ${event.effectiveDirective} broken by ${event.blockedURI || event.sample}`);
});
