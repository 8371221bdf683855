# frozen_string_literal: true

require "securerandom"
require "puma"
require "puma/server"
require_relative "service"

# The role of a server: spec/service.md, by Puma in this process.
class ServerRole
  def serve(request)
    stop
    app = Service.router(secret: SecureRandom.bytes(32)).app(loopback: true)
    @server = Puma::Server.new(app, Puma::Events.stdio, min_threads: 0, max_threads: 16)
    @server.add_tcp_listener("127.0.0.1", request.fetch("port"))
    @server.run
    { url: "http://127.0.0.1:#{request['port']}/" }
  end

  def stop
    @server&.stop(true)
    @server = nil
  end
end
