<?php
// PHP runs this file first: WordPress finds wp-config.php and its own files here, although they are links.
define('ABSPATH', __DIR__ . '/wordpress/');
