# frozen_string_literal: true

$LOAD_PATH.unshift(File.expand_path("../../lib", __dir__))

require "logger"
require "minitest/autorun"
require "net/http"
require "socket"
require "stringio"
require "hyperglyph"
require "hyperglyph/server/puma"

# Services on loopback, by Puma, and requests to them.
module Served
  TYPE = "application/vnd.hyperglyph"
  SECRET = ("0123456789abcdef" * 2).freeze
  Answer = Struct.new(:status, :headers, :body) do
    def value
      Hyperglyph.load(body)
    end

    def message
      value["message"]
    end
  end

  attr_reader :log

  # The URL of a service of what the block adds to a router. It is stopped behind the test.
  def serve(threads: 4, **options)
    @log = StringIO.new
    router = Hyperglyph::Router.new(secret: SECRET, logger: Logger.new(@log), **options)
    yield router
    @server = Hyperglyph::Server::PumaServer.new(router, threads: threads).start
    @origin = @server.url.chomp("/")
  end

  def teardown
    @server&.stop
    super
  end

  # An Answer. body: octets; arguments: what is sent as a message; query: as a query.
  def ask(method, path, headers: {}, body: nil, arguments: nil, query: nil)
    body = Hyperglyph.dump(arguments) if arguments
    path += "?#{Hyperglyph::HTTP::Forms.percent_encode(Hyperglyph.dump(query))}" if query
    uri = URI(path.start_with?("http") ? path : @origin + path)
    request = Net::HTTPGenericRequest.new(method, !body.nil?, method != "HEAD", uri.request_uri)
    request["accept"] = TYPE
    request["accept-encoding"] = "identity"
    request["content-type"] = TYPE unless %w[GET HEAD].include?(method)
    headers.each { |name, value| request[name] = value }
    request.body = body if body
    response = Net::HTTP.start(uri.host, uri.port) { |http| http.request(request) }
    Answer.new(response.code.to_i, response.each_header.to_h, response.body&.b)
  end

  def get(path, **options)
    ask("GET", path, **options)
  end

  def post(path, arguments = {}, **options)
    ask("POST", path, arguments: arguments, **options)
  end

  # All that comes back for these octets, until the connection is closed.
  def raw(octets, &block)
    socket = TCPSocket.new("127.0.0.1", @server.port)
    socket.write(octets)
    block&.call(socket)
    answer = +"".b
    while (piece = socket.wait_readable(10) && socket.readpartial(65_536))
      answer << piece
      break if block.nil? && whole?(answer)
    end
    answer
  rescue EOFError, SystemCallError
    answer
  ensure
    socket&.close
  end

  # Whether the answer has come to the end that its Content-Length says.
  def whole?(answer)
    head, body = answer.split("\r\n\r\n", 2)
    length = head[/^content-length: *(\d+)/i, 1]
    length && body.to_s.bytesize >= length.to_i
  end

  def assert_error(status, answer)
    assert_equal status, answer.status, answer.body
    assert_equal "error", answer.value.name
    refute_empty answer.message
    assert_match(/\A\h{12}\z/, answer.value["logref"])
  end
end
