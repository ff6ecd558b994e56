import "./kit/fonts.css";
import "./kit/tokens.css";
import "./kit/base.css";
import { mount } from "svelte";
import { openPort } from "./ipc";
import App from "./shell/App.svelte";

mount(App, { target: document.body, props: { port: await openPort() } });
