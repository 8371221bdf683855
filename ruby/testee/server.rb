# frozen_string_literal: true

require "logger"
require "securerandom"
require "hyperglyph/server/puma"
require_relative "service"

# The role of a server: spec/service.md, by Puma in this process.
class ServerRole
  def serve(request)
    stop
    router = Service.router(secret: SecureRandom.bytes(32), logger: Logger.new($stderr, level: Logger::WARN))
    @server = Hyperglyph::Server::PumaServer.new(router, port: request.fetch("port"))
    @server.start
    { url: @server.url }
  end

  def stop
    @server&.stop
    @server = nil
  end
end
