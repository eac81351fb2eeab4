<?php

require_once 'Illuminate/autoload.php';

use Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse;
use Illuminate\Cookie\Middleware\EncryptCookies;
use Illuminate\Foundation\Support\Providers\RouteServiceProvider;
use Illuminate\Session\Middleware\StartSession;
use Illuminate\Support\Facades\Route;

$app = new Illuminate\Foundation\Application(dirname(__DIR__));
$app->singleton(Illuminate\Contracts\Http\Kernel::class, Illuminate\Foundation\Http\Kernel::class);
$app->singleton(Illuminate\Contracts\Console\Kernel::class, Illuminate\Foundation\Console\Kernel::class);
$app->singleton(Illuminate\Contracts\Debug\ExceptionHandler::class, Illuminate\Foundation\Exceptions\Handler::class);

$app->register(new class ($app) extends RouteServiceProvider {
    public function boot(): void
    {
        // The middleware of an application's pages, without the protection from cross-site request forgery.
        $web = [EncryptCookies::class, AddQueuedCookiesToResponse::class, StartSession::class];
        $this->routes(fn () => Route::middleware($web)->group(base_path('routes/web.php')));
    }
});
return $app;
