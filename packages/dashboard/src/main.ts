/** Begins the console in the page that a node serves at `/`. */
import { App } from './app.ts'

const root = document.getElementById('app')
if (root !== null) new App(root).start()
