# frozen_string_literal: true

$LOAD_PATH.unshift(File.expand_path("../../lib", __dir__))

require "minitest/autorun"
require "socket"
require "hyperglyph"

# A server on loopback that says what a test wants, octet by octet.
class Scripted
  Asked = Struct.new(:method, :path, :headers, :body, :connection, keyword_init: true)

  # What was asked, in order; how many connections were made.
  attr_reader :asked, :connections

  # The block answers each request: a String is sent as it stands, and for :close the connection is closed. It is given
  # the request and the socket, too.
  def initialize(&answer)
    @answer = answer
    @listener = TCPServer.new("127.0.0.1", 0)
    @asked = []
    @connections = 0
    @lock = Mutex.new
    @threads = [Thread.new { accept }]
    @sockets = []
  end

  def origin
    "http://127.0.0.1:#{@listener.addr[1]}"
  end

  def url(path = "/")
    "#{origin}#{path}"
  end

  def stop
    @listener.close
    @lock.synchronize { @sockets.each { |socket| socket.close unless socket.closed? } }
    @threads.each { |thread| thread.kill.join }
  end

  # A whole answer of 200, or of another status.
  def self.ok(body, status: 200, type: "application/vnd.hyperglyph", headers: {})
    body = Hyperglyph.dump(body) unless body.is_a?(String) && body.encoding == Encoding::BINARY
    fields = { "Content-Type" => type, "Content-Length" => body.bytesize }.merge(headers)
    "HTTP/1.1 #{status} OK\r\n#{fields.compact.map { |name, value| "#{name}: #{value}\r\n" }.join}\r\n".b + body
  end

  private

  def accept
    loop do
      socket = @listener.accept
      number = @lock.synchronize do
        @sockets << socket
        @connections += 1
      end
      @threads << Thread.new { serve(socket, number) }
    end
  rescue IOError, SystemCallError
    nil
  end

  def serve(socket, number)
    while (request = read(socket, number))
      @lock.synchronize { @asked << request }
      answer = @answer.call(request, socket)
      break if answer == :close

      socket.write(answer) if answer
    end
    socket.close
  rescue IOError, SystemCallError
    nil
  end

  def read(socket, number)
    line = socket.gets("\r\n", chomp: true) or return
    method, path = line.split
    headers = {}
    while (field = socket.gets("\r\n", chomp: true)) && !field.empty?
      name, value = field.split(": ", 2)
      headers[name.downcase] = value
    end
    body = body(socket, headers) or return
    Asked.new(method: method, path: path, headers: headers, body: body, connection: number)
  end

  # nil if it is cut short.
  def body(socket, headers)
    return counted(socket, headers["content-length"].to_i) unless headers["transfer-encoding"] == "chunked"

    octets = "".b
    loop do
      size = socket.gets("\r\n") or return
      piece = counted(socket, size.hex + 2) or return
      return octets if size.hex.zero?

      octets << piece[0...-2]
    end
  end

  def counted(socket, size)
    octets = size.zero? ? "".b : socket.read(size)
    octets if octets&.bytesize == size
  end
end

# For tests: servers that are stopped behind each, clients that are closed, and values to put on pages.
module Scripting
  Client = Hyperglyph::Client

  def teardown
    (@stopped || []).each(&:stop)
    (@closed || []).each(&:close)
    super
  end

  def script(&answer)
    Scripted.new(&answer).tap { |server| (@stopped ||= []) << server }
  end

  # A server that answers each path with a value, or with what a block gives.
  def pages(pages)
    script do |request|
      found = pages[request.path.split("?").first]
      found = found.call(request) if found.respond_to?(:call)
      next Scripted.ok("".b, status: 404) if found.nil?

      found.is_a?(String) && found.start_with?("HTTP/") ? found : Scripted.ok(found)
    end
  end

  def client(**options)
    Client.new(**options).tap { |made| (@closed ||= []) << made }
  end

  def link(url, content = nil, **attributes)
    Hyperglyph::Extension.new("link", { url: url, **attributes }, content)
  end

  def form(url, *values, method: "POST", **attributes)
    Hyperglyph::Extension.new("form", { url: url, method: method, values: values, **attributes })
  end

  def input(name, **attributes)
    Hyperglyph::Extension.new("input", { name: name, **attributes })
  end

  def resource(members, url: "/", **attributes)
    Hyperglyph::Extension.new("resource", { url: url, **attributes }.compact, members)
  end

  # Waits until the block is true, up to so many seconds.
  def eventually(seconds = 5)
    limit = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    until (found = yield)
      flunk "it did not happen in #{seconds} s" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > limit
      sleep 0.01
    end
    found
  end
end
