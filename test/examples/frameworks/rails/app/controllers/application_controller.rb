class ApplicationController < ActionController::Base
  User = Struct.new(:username)

  before_action :authenticate_user!

  private

  def current_user
    @current_user ||= session[:username] && User.new(session[:username])
  end

  def authenticate_user!
    redirect_to '/sign-in' unless current_user
  end
end
