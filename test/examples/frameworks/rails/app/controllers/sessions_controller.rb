class SessionsController < ApplicationController
  skip_before_action :authenticate_user!
  skip_forgery_protection

  def create
    reset_session
    session[:username] = params[:user]
    head :ok
  end

  def destroy
    reset_session
    head :ok
  end
end
