export { quoted } from '../../quoted.js';
