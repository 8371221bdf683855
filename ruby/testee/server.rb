# frozen_string_literal: true

require "logger"
require "hyperglyph/server/puma"
require_relative "service"

# The role of a server: spec/service.md, by Puma in this process.
class ServerRole
  # For everyone to read: references must hold when the testee is started again.
  SECRET = "the secret of a testee, and of no service"

  def serve(request)
    return { skipped: "there are no pages for clients of 2012" } if request["old"]

    stop
    router = Service.router(secret: SECRET, logger: Logger.new($stderr, level: Logger::WARN))
    @server = Hyperglyph::Server::PumaServer.new(router, port: request.fetch("port"))
    @server.start
    { url: @server.url }
  end

  def stop
    @server&.stop
    @server = nil
  end
end
