require 'rails'
require 'action_controller/railtie'

class Application < Rails::Application
  config.load_defaults Rails::VERSION::STRING.to_f
  config.eager_load = true
  config.logger = Logger.new($stdout)
  config.secret_key_base = 'for this test'
end

Rails.application.initialize!
run Rails.application
