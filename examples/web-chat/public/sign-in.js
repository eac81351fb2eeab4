// Converse.js writes its state when its page is left, and browsers keep this storage until the window is closed.
sessionStorage.clear();
