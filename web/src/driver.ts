import { mount } from "svelte";
import Driver from "./driver/Driver.svelte";
import "./driver/driver.css";

const target = document.getElementById("app");
if (target) mount(Driver, { target });
